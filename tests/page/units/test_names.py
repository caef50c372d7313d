"""Names that a person gives: what is read, and that every mistake is named."""

import json
import re

import numpy as np
import pytest
from unit_sites import site

from atlasjax.errors import UserError
from atlasjax.page.units.contents import Family, UnitLayer, UnitSite
from atlasjax.page.units.names import named, read_names, write_template


def given(tmp_path, text):
    path = tmp_path / "names.json"
    path.write_text(text, encoding="utf-8")
    return read_names(path)


def test_names_and_families_are_put_in(tmp_path):
    text = '{"mixed3b": {"names": {"4": " left "}, "families": {"curves": [4, 900], "eyes": [7]}}}'
    found = named(site(), given(tmp_path, text)).layers
    assert found[0].names == site().layers[0].names
    assert found[1].names[4] == "left"
    assert found[1].names[1] == "curve to the right"  # as before
    assert [(one.name, one.units) for one in found[1].families[:2]] == [
        ("curves", (4, 900)),
        ("eyes", (7,)),
    ]
    assert [one.name for one in found[1].families] == ["curves", "eyes", "lines"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "not JSON at line 1, column 2"),
        ("[]", "the file: must be an object in braces"),
        ('{"a": 3}', "layer 'a': must be an object"),
        ('{"a": {"name": {}}}', "layer 'a': no part 'name'; did you mean names, families?"),
        ('{"a": {"names": {"x": "y"}}}', "names of 'a': \"x\" is no unit"),
        ('{"a": {"names": {"-3": "y"}}}', "names of 'a': \"-3\" is no unit"),
        ('{"a": {"names": {"3": 4}}}', "names of 'a', unit 3: 4: must be a name"),
        ('{"a": {"names": {"3": " "}}}', "names of 'a', unit 3: \" \": must be a name"),
        ('{"a": {"names": {"3": "b", "3": "c"}}}', "'3' comes twice in the same braces"),
        ('{"a": {"names": {"3": "b", "03": "c"}}}', "names of 'a': unit 3 comes twice"),
        ('{"a": {"families": {"b": 3}}}', "family 'b': 3: must be a list of units"),
        ('{"a": {"families": {"b": [true]}}}', "family 'b': true is no unit"),
        ('{"a": {"families": {"b": [3, 3]}}}', "family 'b': unit 3 comes twice"),
    ],
)
def test_every_mistake_is_named_with_its_file(tmp_path, text, said):
    with pytest.raises(UserError, match=re.escape(said)) as error:
        given(tmp_path, text)
    assert str(error.value).startswith(f"names {tmp_path / 'names.json'}: ")


def test_a_file_that_is_not_there_or_no_text(tmp_path):
    with pytest.raises(UserError, match="no such file"):
        read_names(tmp_path / "none.json")
    (tmp_path / "bytes.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UserError, match="cannot be read"):
        read_names(tmp_path / "bytes.json")


def test_a_layer_that_the_site_does_not_have(tmp_path):
    with pytest.raises(UserError, match="no layer of the site 'mixed3'; did you mean"):
        named(site(), given(tmp_path, '{"mixed3": {}}'))


def test_a_template_is_what_was_found_and_is_read_back(tmp_path):
    path = tmp_path / "names.json"
    layer = UnitLayer(
        "a", np.array([3, 4]), families=(Family("curves", (3, 4)),), names={3: "\u732b"}
    )
    write_template(path, [layer, UnitLayer("b", np.array([0]))])
    assert json.loads(path.read_text(encoding="utf-8")) == {
        "a": {"names": {"3": "\u732b"}, "families": {"curves": [3, 4]}},
        "b": {"names": {}, "families": {}},
    }
    back = named(UnitSite((layer, UnitLayer("b", np.array([0]))), (), (), {}), read_names(path))
    assert back.layers[0].names == {3: "\u732b"}
    with pytest.raises(UserError, match="is there already"):
        write_template(path, [layer])
