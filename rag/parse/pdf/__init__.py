"""PDF files, read and drawn with pdfium."""
