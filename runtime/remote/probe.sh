# What a machine shows of itself, for Python to read: facts as key=value, then files, each behind a line of its own.
export LC_ALL=C
echo "machine=$(uname -m)"
echo "kernel=$(uname -s) $(uname -r)"
echo "cores=$(nproc 2>/dev/null || grep -c '^processor' /proc/cpuinfo)"
echo "emulator=${TSM_EDGE_EMULATOR:-}"
if command -v getprop >/dev/null 2>&1; then
  for name in $properties; do echo "$name=$(getprop "$name")"; done
fi
show() {
  for file in "$@"; do
    if [ -f "$file" ] && [ -r "$file" ]; then
      printf '\n=@= %s\n' "$file"
      cat "$file" 2>/dev/null
    fi
  done
}
show /proc/cpuinfo /proc/loadavg /proc/stat /etc/os-release
show /proc/device-tree/model /proc/device-tree/compatible /sys/firmware/devicetree/base/model
show /sys/class/dmi/id/sys_vendor /sys/class/dmi/id/product_name
cpus=/sys/devices/system/cpu/cpu[0-9]*
show $cpus/cpufreq/scaling_governor $cpus/cpufreq/scaling_cur_freq $cpus/thermal_throttle/core_throttle_count
show /sys/class/thermal/thermal_zone*/type /sys/class/thermal/thermal_zone*/temp
show /sys/class/thermal/cooling_device*/type /sys/class/thermal/cooling_device*/cur_state
show /sys/devices/platform/soc/soc:firmware/get_throttled
for name in type scope capacity status temp; do show /sys/class/power_supply/*/$name; done
if command -v dumpsys >/dev/null 2>&1; then
  printf '\n=@= dumpsys battery\n'
  dumpsys battery 2>/dev/null
fi
exit 0
