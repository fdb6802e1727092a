# U-Boot's boot script: picks a slot, counts the try, starts its kernel.
# BOOT_ORDER, BOOT_A_LEFT and BOOT_B_LEFT lie in @SLOT_ENV@ beside this script; a damaged file means a fresh start.
echo "forebay: boot script on ${devtype} ${devnum}:${distro_bootpart}"
setenv BOOT_ORDER "A B"
setenv BOOT_A_LEFT @SLOT_TRIES@
setenv BOOT_B_LEFT @SLOT_TRIES@
setenv FOREBAY_CMDLINE
if load ${devtype} ${devnum}:${distro_bootpart} @INITRD_ADDRESS@ @SLOT_ENV@; then
  env import -c @INITRD_ADDRESS@ @SLOT_ENV_BYTES@ BOOT_ORDER BOOT_A_LEFT BOOT_B_LEFT FOREBAY_CMDLINE || echo "forebay: @SLOT_ENV@ is damaged, starting afresh"
fi
# Both have had their tries: nothing better is known than to go on trying.
if test "${BOOT_A_LEFT}${BOOT_B_LEFT}" = "00"; then
  echo "forebay: no slot has tries left, refilling"
  setenv BOOT_A_LEFT @SLOT_TRIES@
  setenv BOOT_B_LEFT @SLOT_TRIES@
fi
setenv slot
for s in "${BOOT_ORDER}"; do
  if test "x${slot}" = "x"; then
    if test "${s}" = "A" -a ${BOOT_A_LEFT} -gt 0; then
      setexpr BOOT_A_LEFT ${BOOT_A_LEFT} - 1
      setenv slot A
      setenv kernel_part @KERNEL_A_PART@
    fi
    if test "${s}" = "B" -a ${BOOT_B_LEFT} -gt 0; then
      setexpr BOOT_B_LEFT ${BOOT_B_LEFT} - 1
      setenv slot B
      setenv kernel_part @KERNEL_B_PART@
    fi
  fi
done
# An order that names no slot with tries, such as one slot only with none left.
if test "x${slot}" = "x"; then
  echo "forebay: the order ${BOOT_ORDER} has no tries left, refilling"
  setenv BOOT_ORDER "A B"
  setenv BOOT_A_LEFT @SLOT_TRIES@
  setenv BOOT_B_LEFT @SLOT_TRIES@
  setenv slot A
  setenv kernel_part @KERNEL_A_PART@
fi
env export -c -s @SLOT_ENV_BYTES@ @INITRD_ADDRESS@ BOOT_ORDER BOOT_A_LEFT BOOT_B_LEFT FOREBAY_CMDLINE
fatwrite ${devtype} ${devnum}:${distro_bootpart} @INITRD_ADDRESS@ @SLOT_ENV@ @SLOT_ENV_BYTES@
echo "forebay: trying slot ${slot}, order ${BOOT_ORDER}, left A=${BOOT_A_LEFT} B=${BOOT_B_LEFT}"
setenv bootargs "@CONSOLES@ rauc.slot=${slot} panic=5 quiet loglevel=4 net.ifnames=0 ${FOREBAY_CMDLINE}"
# booti unpacks into here.
setenv kernel_comp_addr_r @UNPACK_ADDRESS@
if load ${devtype} ${devnum}:${kernel_part} @KERNEL_ADDRESS@ Image.gz; then
  setenv kernel_comp_size ${filesize}
  if load ${devtype} ${devnum}:${kernel_part} @INITRD_ADDRESS@ initrd.img; then
    booti @KERNEL_ADDRESS@ @INITRD_ADDRESS@:${filesize} @DEVICE_TREE@
  fi
fi
echo "forebay: slot ${slot} does not load; starting over"
sleep 2
reset
