"""`make demo`: real DICOM in, and out again through an unmodified boto3, checked on the way."""
