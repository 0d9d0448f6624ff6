"""Pictures in half cells. Apart because only they load an image library."""
