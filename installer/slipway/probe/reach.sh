# Tries to reach other hosts, all at once. stdin: "NAME ADDRESS PORT", "NAME ADDRESS PORT udp" for a port at which nobody
# listens yet, or "NAME ADDRESS 0 SIZE" for one packet of SIZE bytes that may not be split. Prints "NAME PORT VERDICT".
# Needs bash; the packet needs ping.
connect() {
    said=$(timeout 3 bash -c 'exec 3<>"/dev/tcp/$0/$1"' "$2" "$3" 2>&1)
    verdict "$1" "$3" "$?:$said"
}

# The other host's word that the port is closed comes back as an error of a later write.
datagram() {
    said=$(timeout 3 bash -c 'exec 3>"/dev/udp/$0/$1"; for n in 1 2 3 4 5; do echo >&3 || exit 1; sleep 0.3; done
        exit 124' "$2" "$3" 2>&1)
    verdict "$1" "$3" "$?:$said"
}

verdict() {
    case $3 in
    0:*) verdict=open ;;
    124:*) verdict=timeout ;;
    *refused*) verdict=refused ;;
    *"No route"*|*unreachable*|*"not permitted"*|*prohibited*) verdict=unreachable ;;
    *) verdict=failed ;;
    esac
    echo "$1 $2 $verdict"
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
    case $port:$size in
    0:*) packet "$name" "$address" 0 "$size" & ;;
    *:udp) datagram "$name" "$address" "$port" & ;;
    *) connect "$name" "$address" "$port" & ;;
    esac
done
wait
