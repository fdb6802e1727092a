SUMMARY = "The gateway's image: two slots, read-only roots, one data partition"
DESCRIPTION = "The disk is that of scripts/image: boot (FAT), kernel A and B, root A and B (squashfs), data. Slot A is \
filled, slot B waits for the first update."

require forebay-image.inc
