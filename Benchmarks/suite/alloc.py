NAME="alloc"; TITLE="x"
