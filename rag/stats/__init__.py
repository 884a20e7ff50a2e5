"""What rankings and differences over questions say: how alike, how sure, how likely by chance."""
