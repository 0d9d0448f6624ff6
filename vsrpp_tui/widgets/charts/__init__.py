"""Charts: curves, axes and the range of steps they show. Apart because nothing else draws with textual-plot."""
