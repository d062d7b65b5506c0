# Prints how all that steps made here is now: only what a record names, in lines that do not depend on how large it grew.
# Reads the list that slipway_recorded.py wrote: KIND, NAME, and what the kind needs, behind tabs. POSIX sh, findutils,
# coreutils and awk; one process for all of a kind, whatever their number.
recorded=$state/recorded

things() {
    if [ -e "$recorded/made" ]; then
        cat "$recorded/made"
        return
    fi
    # As releases before wrote it.
    [ ! -e "$recorded/files" ] || sed 's/^\([0-9a-f]*\)  \(.*\)$/file\t\2\t\1\t/' "$recorded/files"
    [ ! -e "$recorded/units" ] || awk '{ print "unit\t" $1 }
        $1 == "slipway-firewall.service" { print "rules\t" $1 }' "$recorded/units"
    [ ! -e "$recorded/packages" ] || awk '{ print "package\t" $1 }' "$recorded/packages"
}

# Names of the things of some kinds.
names() {
    printf '%s\n' "$made" | awk -F'\t' -v kinds=" $* " 'index(kinds, " " $1 " ") { print $2 }'
}

# Type, mode, owner, group, size, path and what it links to; what is not there has no line.
attributes() {
    look='exec find "$@" -maxdepth 0 -printf "path\t%y\t%m\t%U\t%G\t%s\t%p\t%l\n"'
    names file secret link directory block keys | xargs -r -d '\n' sh -c "$look" sh
    names place | xargs -r -d '\n' sh -c "$look" sh -H
}

# Regular files of some kinds that have the size they had: of no other one the content has to be read.
unresized() {
    { printf '%s\n' "$made" '' "$present"; } | awk -F'\t' -v kinds=" $* " '
        $0 == "" { second = 1 }
        !second && index(kinds, " " $1 " ") { size[$2] = $4; known[$2] = 1 }
        second && $2 == "f" && known[$7] && (size[$7] == "" || size[$7] == $6) { print $7 }'
}

digests() {
    unresized file | xargs -r -d '\n' sha256sum -z | tr '\0' '\n' | sed 's/^/digest\t/; s/  /\t/'
    unresized secret | while IFS= read -r path; do
        printf 'digest\t%s\t%s\n' "$(cat "$recorded/salt" "$path" | sha256sum | cut -c 1-64)" "$path"
    done
}

# What was changed in files, for people; what may be secret now is not shown.
changes() {
    { printf '%s\n' "$made" '' "$present" "$found"; } | awk -F'\t' '
        $0 == "" { second = 1 }
        !second && $1 == "file" { digest[$2] = $3 }
        second && $1 == "path" && $2 == "f" && $7 in digest { there[$7] = 1 }
        second && $1 == "digest" { now[$3] = $2 }
        END { for (path in there) if (now[path] != digest[path]) print digest[path] "\t" path }' |
        while IFS= read -r line; do
            path=${line#*"	"}
            copy=$state/copies/${line%%"	"*}
            if [ -f "$copy" ] && [ -n "$(find "$path" -type f -perm -004 -size -256k)" ]; then
                printf 'diff\t%s\n' "$path"
                diff -u --label recorded --label found "$copy" "$path" | head -n 60 | cut -c 1-200 | sed 's/^/|/'
            fi
        done | head -c 262144
    echo
}

# Files of others in which some keys are ours.
texts() {
    names keys | while IFS= read -r path; do
        [ -n "$(find "$path" -type f -size -64k)" ] || continue
        printf 'text\t%s\n' "$path"
        sed 's/^/|/' "$path"
        echo
    done
}

blocks() {
    names block | while IFS= read -r path; do
        [ -f "$path" ] && grep -qx '# BEGIN slipway' "$path" || continue
        digest=$(sed -n '/^# BEGIN slipway$/,/^# END slipway$/ { p; /^# END slipway$/ q; }' "$path" | sha256sum)
        printf 'block\t%s\t%s\n' "${digest%% *}" "$path"
    done
    names swap | while IFS= read -r path; do
        [ ! -f "$path" ] || awk '$1 !~ /^#/ && $3 == "swap" { print "swap\t" FILENAME; exit }' "$path"
    done
}

# All names of a unit and its states, as blocks behind an empty line each.
units() {
    names unit stopped | xargs -r -d '\n' systemctl show --property=Names,UnitFileState,ActiveState -- |
        sed 's/^/unit\t/; s/=/\t/'
}

# The unit has done its work at boot and counts as active whatever became of it, as by `nft flush ruleset`.
rules() {
    names rules | while IFS= read -r unit; do
        if nft list table inet slipway >/dev/null; then printf 'rules\t%s\n' "$unit"; fi
    done
}

# By the package manager that installed it; of rpm's packages one may stand for another, as curl-minimal for curl.
# Another version is the site's own affair: an upgrade of the system is no damage.
packages() {
    if [ -e /var/lib/slipway/dnf ]; then
        names package | while IFS= read -r name; do
            if rpm --query --quiet --whatprovides "$name"; then printf 'package\t%s\n' "$name"; fi
        done
    else
        # shellcheck disable=SC2016
        names package | xargs -r -d '\n' dpkg-query -W -f '${db:Status-Status}\t${Package}\n' |
            sed -n 's/^installed\t/package\t/p'
    fi
}

# Not by `read`, which asks for a byte each time: of a number the kernel gives one answer only.
parameters() {
    printf '%s\n' "$made" | while IFS="	" read -r kind name path; do
        if [ "$kind" = parameter ] && value=$(cat "$path"); then printf 'parameter\t%s\t%s\n' "$name" "$value"; fi
    done
}

users() {
    names user | while IFS= read -r name; do
        if getent passwd "$name" >/dev/null; then printf 'user\t%s\n' "$name"; fi
    done
}

made=$(things)
present=$(attributes 2>/dev/null)
found=$(digests 2>/dev/null)

now() {
    if [ -e "$recorded/made" ] || [ ! -e "$recorded/files" ]; then
        printf '%s\n' "$made" | awk 'NF { n++ } END { print "listed\t" n + 0 }'
    fi
    printf '%s\n' "$present" "$found"
    blocks
    units
    rules
    packages
    parameters
    users
    changes
    texts
}

section drift now
