NAME="idle"; TITLE="x"
