# shellcheck shell=bash
# Which disks of this machine a card may be. Sourced after say.sh, never run.

# removable_disks: a line "DEVICE BYTES WHAT" for each disk that can be pulled out: on USB, in a card reader, or called removable by
# the kernel. Not eMMC, which reads like a card and is soldered in: it alone has boot partitions of its own.
removable_disks() {
    lsblk --nodeps --bytes --paths --pairs --output NAME,SIZE,RM,HOTPLUG,TRAN,TYPE,VENDOR,MODEL | awk '
        function value(name) {
            if (!match($0, "(^| )" name "=\"[^\"]*\"")) return ""
            found = substr($0, RSTART, RLENGTH)
            sub(/^ ?[A-Z]+="/, "", found); sub(/"$/, "", found); gsub(/^ +| +$/, "", found)
            return found
        }
        {
            name = value("NAME")
            if (name ~ /boot[0-9]+$/) { soldered[substr(name, 1, length(name) - 5)]; next }
            if (value("TYPE") != "disk" || name ~ /\/(loop|ram|zram|nbd|dm-|md|sr|fd)[0-9]/) next
            if (value("RM") != 1 && value("HOTPLUG") != 1 && value("TRAN") != "usb") next
            line[++count] = name " " value("SIZE") " " value("VENDOR") " " value("MODEL"); device[count] = name
        }
        END { for (i = 1; i <= count; i++) if (!(device[i] in soldered)) print line[i] }'
}

# disk_use DEVICE: a line for each part of it that is in use: mounted, swap, or below something else, such as RAID. Nothing if free.
disk_use() {
    lsblk --paths --pairs --output NAME,TYPE,MOUNTPOINTS "$1" |
        sed -E -e '/TYPE="(disk|part)" MOUNTPOINTS=""/d' -e 's/NAME="([^"]*)" TYPE="([^"]*)" MOUNTPOINTS="([^"]*)"/\1 (\2) \3/; s/\\x0a/ /g'
}
