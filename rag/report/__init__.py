"""Hand on what was asked, judged and measured: as one HTML page, and as files that other programs read."""
