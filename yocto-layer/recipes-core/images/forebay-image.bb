SUMMARY = "The gateway's image: two slots, read-only roots, one data partition"
DESCRIPTION = "The disk is that of scripts/image: boot (FAT), kernel A and B, root A and B (squashfs), data. Both \
slots hold the same: a card that went bad in one place still has a whole slot."

require forebay-image.inc
