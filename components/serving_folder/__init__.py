"""The serving folder, whose highest version a model server loads: push, read, roll back; disks and object stores."""
