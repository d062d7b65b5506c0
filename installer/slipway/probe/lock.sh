# Takes, renews, gives back or reads the lock of this host. stdin: action, holder, epoch, seconds, a holder that is dead.
# Says `ok`, `held HOLDER LEFT UNTIL` (seconds left, and the moment), `newer EPOCH` or `lost HOLDER`; to `read`, the epoch.
#
# Its clock is the one since the boot: no time server sets it. A lock of an earlier boot has no age, and one of format 1
# (`expires`) goes by the wall clock: who first wants either rewrites it, with a life that ends by this clock.
read -r action holder epoch seconds dead
umask 077
dir=/var/lib/slipway
mkdir -p "$dir" && chmod 0700 "$dir" || exit 1
exec 9>"$dir/.flock"
flock -w 10 9 || exit 1
read -r boot </proc/sys/kernel/random/boot_id && read -r now _ </proc/uptime || exit 1
now=${now%%.*}

value() {
    sed -n "s/.*\"$1\": *\"\{0,1\}\([^\",}]*\).*/\1/p" "$dir/lock.json" 2>/dev/null
}
write() {
    printf '{"format": 2, "holder": "%s", "epoch": %s, "boot": "%s", "until": %s}\n' "$1" "$2" "$boot" "$3" \
        >"$dir/.lock.json.new" && mv -T "$dir/.lock.json.new" "$dir/lock.json"
}

old_holder=$(value holder)
old_epoch=$(value epoch)
old_boot=$(value boot)
old_until=$(value until)
old_expires=$(value expires)
old_expires=${old_expires%%.*}
: "${old_epoch:=0}" "${old_until:=0}" "${old_expires:=0}"
left=0
if [ "$old_boot" = "$boot" ]; then
    left=$((old_until - now))
elif [ "$old_until" -gt 0 ]; then
    left=$seconds
elif [ "$old_expires" -gt 0 ]; then
    left=$((old_expires - $(date +%s)))
    [ "$left" -le "$seconds" ] || left=$seconds
fi

case $action in
read)
    echo "$old_epoch"
    exit 0
    ;;
acquire)
    if [ "$left" -gt 0 ] && [ "$old_holder" != "$holder" ] && [ "$old_holder" != "$dead" ]; then
        if [ "$old_boot" != "$boot" ]; then
            old_until=$((now + left))
            write "$old_holder" "$old_epoch" "$old_until" || exit 1
        fi
        echo "held $old_holder $left $old_until"
        exit 0
    fi
    if [ "$old_epoch" -gt "$epoch" ] || { [ "$old_epoch" = "$epoch" ] && [ "$old_holder" != "$holder" ]; }; then
        echo "newer $old_epoch"
        exit 0
    fi
    ;;
*)
    if [ "$old_holder" != "$holder" ] || [ "$old_epoch" -ne "$epoch" ]; then
        echo "lost $old_holder"
        exit 0
    fi
    ;;
esac
until=$((now + seconds))
[ "$action" != release ] || until=0
write "$holder" "$epoch" "$until" && echo ok
