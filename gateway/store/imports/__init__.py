"""What administrators bring in files: ``appraising`` says what is to be stored of one, ``importing`` stores it."""
