"""Pictures in half cells or pixels. Apart because only they load an image library."""
