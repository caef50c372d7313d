"""The stages of an atlas, one file for each arrow of the pipeline.

images --collect--> activations --layout--> map --grid--> cells --icons--> icons --export-->
                        |                                   ^
                        +---------- attribution ------------+
"""
