#!/usr/bin/python3
"""hung.py DIR READY: a file system over DIR that was mounted and then stopped answering, as a network's does whose server is gone.

FUSE's first question is answered, no other: whoever looks at anything below DIR waits until this process is killed, and is told then that the other end isn't
connected. READY is made once it is mounted.
"""
import ctypes, os, struct, sys, time

fd = os.open("/dev/fuse", os.O_RDWR)
said = f"fd={fd},rootmode=40000,user_id=0,group_id=0,allow_other".encode()
if ctypes.CDLL(None).mount(b"hung", sys.argv[1].encode(), b"fuse", 0, said) != 0:
    sys.exit("hung.py: cannot mount")
unique = struct.unpack("<IIQ", os.read(fd, 1 << 17)[:16])[2]
init = struct.pack("<IIIIHHII", 7, 31, 0, 0, 0, 0, 4096, 1).ljust(64, b"\0")  # FUSE_INIT: version 7.31
os.write(fd, struct.pack("<IiQ", 16 + len(init), 0, unique) + init)
open(sys.argv[2], "w").close()
while True:
    time.sleep(1000)
