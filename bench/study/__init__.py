"""What a study is: its matrix, its points, and the records that it keeps."""
