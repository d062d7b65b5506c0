"""What every room of bundles stands on: archives, threads, disks, progress, the cache of what was made."""
