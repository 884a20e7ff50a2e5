"""How much of one file is read at most. What is over a limit is refused whole, and said to be."""

MAX_PAGES = 5_000
MAX_DOCUMENT_CHARS = 5_000_000  # some 2,500 pages; its tokens take 600 MB of memory meanwhile

# Archives: each of a few kilobytes can claim to hold petabytes.
MAX_ARCHIVE_DEPTH = 3  # an archive in an archive in an archive
MAX_MEMBERS = 10_000
MAX_UNPACKED_BYTES = 2_000_000_000

# What one part of a zipped document (its XML, a chapter) may unpack to.
MAX_PART_BYTES = 200_000_000
