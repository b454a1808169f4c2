#!/bin/sh
# The first process of a machine (machine.py): makes its world from this one's and becomes systemd.
# Usage, in new namespaces: sh machine.sh FOLDER [SOURCE TARGET]…
set -eu
base="$1"
shift
mount --make-rprivate /
mount -t tmpfs -o mode=755 machine "$base"
mkdir "$base/upper" "$base/work" "$base/root"
chmod 755 "$base/upper"
mount -t overlay -o "lowerdir=/,upperdir=$base/upper,workdir=$base/work" machine "$base/root"
root="$base/root"

while [ $# -gt 0 ]; do
    mkdir -p "$root$2"
    mount --bind "$1" "$root$2"
    mount -o remount,bind,ro "$root$2"
    shift 2
done

mount -t proc proc "$root/proc"
mount --bind "$root/proc/sys" "$root/proc/sys"      # the kernel is everybody's
mount -o remount,bind,ro "$root/proc/sys"
mount -t sysfs -o ro sysfs "$root/sys"
mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
mount -t tmpfs -o mode=755 dev "$root/dev"
for device in null zero full random urandom tty; do
    touch "$root/dev/$device"
    mount --bind "/dev/$device" "$root/dev/$device"
done
ln -s /proc/self/fd "$root/dev/fd"
for number in 0:stdin 1:stdout 2:stderr; do
    ln -s "/proc/self/fd/${number%:*}" "$root/dev/${number#*:}"
done
mkdir "$root/dev/shm" "$root/dev/pts"
mount -t tmpfs -o mode=1777 shm "$root/dev/shm"
mount -t devpts -o newinstance,ptmxmode=0666 devpts "$root/dev/pts"
ln -s pts/ptmx "$root/dev/ptmx"
mount -t tmpfs -o mode=755 run "$root/run"
mount -t tmpfs -o mode=1777 tmp "$root/tmp"

# No timer, no device, no variable of the kernel: a story needs services and the journal.
for unit in timers.target systemd-udevd.service systemd-udev-trigger.service systemd-sysctl.service \
    systemd-modules-load.service systemd-random-seed.service systemd-timesyncd.service getty.target; do
    ln -sf /dev/null "$root/etc/systemd/system/$unit"
done
printf '[Unit]\nRequires=basic.target\nAfter=basic.target\n' >"$root/etc/systemd/system/story.target"

ip link set lo up
echo gw.example.org >"$root/etc/hostname"
printf "127.0.0.1 localhost gw.example.org mailbox.example.org\n" >"$root/etc/hosts"
mkdir "$root/outside"
cd "$root"
pivot_root . outside
umount -l /outside
rmdir /outside
mount --make-rshared /
export container=story PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
exec /lib/systemd/systemd --unit=story.target --log-target=journal --show-status=no </dev/null
