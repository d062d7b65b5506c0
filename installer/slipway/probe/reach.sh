# Tries to reach other hosts, all at once. stdin: "NAME ADDRESS PORT", or "NAME ADDRESS 0 SIZE" for one packet of SIZE
# bytes that may not be split. Prints "NAME PORT VERDICT". Needs bash; the packet needs ping.
connect() {
    said=$(timeout 3 bash -c 'exec 3<>"/dev/tcp/$0/$1"' "$2" "$3" 2>&1)
    code=$?
    case $code:$said in
    0:*) verdict=open ;;
    124:*) verdict=timeout ;;
    *refused*) verdict=refused ;;
    *"No route"*|*unreachable*|*"not permitted"*|*prohibited*) verdict=unreachable ;;
    *) verdict=failed ;;
    esac
    echo "$1 $3 $verdict"
}

packet() {
    command -v ping >/dev/null || return 0
    # Headers of IP and ICMP are part of a packet's size.
    said=$(ping -n -q -c 2 -i 0.2 -W 2 -M do -s $(($4 - 28)) "$2" 2>&1)
    case $?:$said in
    0:*) echo "$1 0 open" ;;
    *"too long"*|*"needed"*) echo "$1 0 too-big" ;;
    *) if ping -n -q -c 1 -W 2 "$2" >/dev/null 2>&1; then echo "$1 0 too-big"; fi ;;
    esac
}

while read -r name address port size; do
    if [ "$port" = 0 ]; then packet "$name" "$address" 0 "$size" & else connect "$name" "$address" "$port" & fi
done
wait
