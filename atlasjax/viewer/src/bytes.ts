// Bytes: what files of data hold as base64, little-endian as every machine that runs this.

export function bytesOf(base64: string): Uint8Array<ArrayBuffer> {
  const text = atob(base64);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}

export const buffer = (base64: string): ArrayBuffer => bytesOf(base64).buffer;

/** Rows of numbers that came as bytes, each with its scale. */
export interface Rounded {
  scale: string;
  values: string;
}

/** The numbers again, off by at most half a 127th of the largest of their row. */
export function unrounded({ scale, values }: Rounded): Float32Array {
  const scales = new Float32Array(buffer(scale));
  const bytes = new Int8Array(buffer(values));
  const width = scales.length ? bytes.length / scales.length : 0;
  return Float32Array.from(bytes, (value, i) => value * scales[Math.floor(i / width)]);
}
