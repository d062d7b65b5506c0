# Prints what is no longer as the last steps left it: "file|unit|rules|package", what was found, NAME; behind a file, its
# diff.
# Reads what slipway_recorded.py wrote; POSIX sh, sha256sum and awk.
recorded=$state/recorded

changes() {
    copy=$state/copies/$1
    if [ -f "$copy" ] && [ -n "$(find "$2" -type f -perm -004)" ]; then # what may be secret now is not shown
        diff -u --label recorded --label found "$copy" "$2" | head -n 60 | cut -c 1-200 | sed 's/^/|/'
    fi
}

file_drift() {
    sha256sum -c --quiet "$recorded/files" 2>/dev/null | while IFS= read -r line; do
        path=${line%: FAILED*}
        case $path in # units of mounts have backslashes in their names, which come doubled then
        '\'*) path=$(printf '%s\n' "${path#?}" | sed 's/\\\\/\\/g') ;;
        esac
        if [ -e "$path" ]; then
            printf 'file changed %s\n' "$path"
            digest=$(path=$path awk 'substr($0, 67) == ENVIRON["path"] { print $1; exit }' "$recorded/files")
            changes "$digest" "$path"
        else
            printf 'file missing %s\n' "$path"
        fi
    done
}

unit_drift() {
    while read -r name enabled active; do
        now=$(systemctl show "$name" --property=UnitFileState --value)
        if [ "$now" != "$enabled" ]; then
            echo "unit ${now:-missing} $name"
            continue
        fi
        now=$(systemctl show "$name" --property=ActiveState --value)
        case $active/$now in
        active/inactive | active/failed | active/deactivating) echo "unit $now $name" ;;
        esac
    done <"$recorded/units"
}

# The unit has done its work at boot and counts as active whatever became of it, as by `nft flush ruleset`.
rules_drift() {
    if grep -q '^slipway-firewall\.service ' "$recorded/units" && ! nft list table inet slipway >/dev/null; then
        echo "rules missing slipway-firewall.service"
    fi
}

# Another version is the site's own affair: an upgrade of the system is no damage.
package_drift() {
    while read -r name _; do
        now=$(package_state "$name")
        [ "$now" = installed ] || echo "package ${now:-missing} $name"
    done <"$recorded/packages"
}

# By the package manager that installed it; of rpm's packages one may stand for another, as curl-minimal for curl.
package_state() {
    if [ -e /var/lib/slipway/dnf ]; then
        rpm --query --quiet --whatprovides "$1" && echo installed
    else
        # shellcheck disable=SC2016
        dpkg-query -W -f '${db:Status-Status}' "$1"
    fi
}

section drift eval 'file_drift; unit_drift; rules_drift; package_drift'
