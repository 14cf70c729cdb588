#include "base/units.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <span>

#include "base/random.h"

namespace gfs {

namespace {

struct Unit {
  std::string_view name;
  std::uint64_t factor;
};

constexpr std::uint64_t kKilo = 1000;
constexpr Unit kSizeUnits[] = {
    {"", 1},
    {"B", 1},
    {"KB", kKilo},
    {"MB", kKilo* kKilo},
    {"GB", kKilo* kKilo* kKilo},
    {"TB", kKilo* kKilo* kKilo* kKilo},
    {"KiB", KiB},
    {"MiB", MiB},
    {"GiB", GiB},
    {"TiB", 1024 * GiB},
    {"K", KiB},
    {"M", MiB},
    {"G", GiB},
    {"T", 1024 * GiB},
};

constexpr std::uint64_t kSecond = 1'000'000'000;
constexpr Unit kDurationUnits[] = {
    {"ns", 1},
    {"us", 1'000},
    {"ms", 1'000'000},
    {"s", kSecond},
    {"min", 60 * kSecond},
    {"h", 3600 * kSecond},
    {"d", 24 * 3600 * kSecond},
};

// "1.5" times "GiB", exactly or rounded down; the digits of the fraction beyond the sixth do not count.
Result<std::uint64_t> parse_number(std::string_view text, std::string_view kind, std::string_view example,
                                   std::span<const Unit> units, std::uint64_t largest) {
  auto bad = [&](std::string_view why) {
    std::string shown(text.substr(0, 60));
    return fail(Code::invalid_argument, "\"{}\" is not a {}: {} (write it as {})", shown, kind, why, example);
  };
  Wide whole = 0;
  std::uint64_t fraction = 0;
  std::uint64_t fraction_unit = 1;
  std::size_t at = 0;
  bool digits = false;
  for (; at < text.size() && text[at] >= '0' && text[at] <= '9'; ++at) {
    digits = true;
    whole = whole * 10 + static_cast<unsigned>(text[at] - '0');
    if (whole > std::numeric_limits<std::uint64_t>::max()) return bad("too large");
  }
  if (digits && at < text.size() && text[at] == '.') {
    std::size_t first = ++at;
    for (; at < text.size() && text[at] >= '0' && text[at] <= '9'; ++at) {
      if (fraction_unit == 1'000'000) continue;
      fraction = fraction * 10 + static_cast<unsigned>(text[at] - '0');
      fraction_unit *= 10;
    }
    if (at == first) return bad("digits are missing after the point");
  }
  if (!digits) return bad("it does not begin with a digit");
  std::string_view unit = text.substr(at);
  if (!unit.empty() && unit.front() == ' ') unit.remove_prefix(1);
  for (const Unit& known : units) {
    if (known.name != unit) continue;
    Wide value = whole * known.factor + Wide{fraction} * known.factor / fraction_unit;
    if (value > largest) return bad("too large");
    return static_cast<std::uint64_t>(value);
  }
  return unit.empty() ? bad("the unit is missing") : bad("unknown unit");
}

}  // namespace

Result<std::uint64_t> parse_size(std::string_view text) {
  return parse_number(text, "size", "64MiB, 1.5GiB or 4096", kSizeUnits, std::numeric_limits<std::uint64_t>::max());
}

Result<Duration> parse_duration(std::string_view text) {
  Result<std::uint64_t> count = parse_number(text, "duration", "250ms, 60s, 10min or 14d", kDurationUnits,
                                             static_cast<std::uint64_t>(Duration::max().count()));
  if (!count) return fail(std::move(count));
  return Duration(static_cast<Duration::rep>(*count));
}

std::string format_size(std::uint64_t bytes) {
  if (bytes < KiB) return fmt::format("{} B", bytes);
  constexpr std::string_view kNames[] = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  double value = static_cast<double>(bytes);
  std::size_t name = 0;
  value /= 1024;
  // 1023.96 would be shown as 1024.0.
  while (value >= 1023.95 && name + 1 < std::size(kNames)) {
    value /= 1024;
    ++name;
  }
  return fmt::format("{:.1f} {}", value, kNames[name]);
}

std::string format_duration(Duration duration) {
  if (duration < Duration::zero()) {
    return "-" + format_duration(duration == Duration::min() ? Duration::max() : -duration);
  }
  if (duration < 1us) return fmt::format("{}ns", duration.count());
  if (duration < 1ms) return fmt::format("{}us", duration.count() / 1'000);
  if (duration < 1s) return fmt::format("{}ms", duration.count() / 1'000'000);
  std::int64_t seconds = duration.count() / 1'000'000'000;
  if (seconds < 60) {
    std::int64_t tenth = duration.count() / 100'000'000 % 10;
    return tenth == 0 ? fmt::format("{}s", seconds) : fmt::format("{}.{}s", seconds, tenth);
  }
  if (seconds < 3600) return fmt::format("{}m{:02}s", seconds / 60, seconds % 60);
  if (seconds < 86400) return fmt::format("{}h{:02}m", seconds / 3600, seconds / 60 % 60);
  return fmt::format("{}d{:02}h", seconds / 86400, seconds / 3600 % 24);
}

std::string format_wall(WallMs wall) {
  // Four digits of year hold from 0000 to 9999; a clock beyond them is shown as that end.
  constexpr std::int64_t kFirst = -62'167'219'200;
  constexpr std::int64_t kLast = 253'402'300'799;
  std::int64_t seconds = wall >= 0 ? wall / 1000 : -((-(wall + 1)) / 1000) - 1;
  seconds = std::clamp(seconds, kFirst, kLast);
  std::chrono::sys_seconds instant{std::chrono::seconds(seconds)};
  auto midnight = std::chrono::floor<std::chrono::days>(instant);
  std::chrono::year_month_day day{midnight};
  std::int64_t of_day = (instant - midnight).count();
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", static_cast<int>(day.year()),
                     static_cast<unsigned>(day.month()), static_cast<unsigned>(day.day()), of_day / 3600,
                     of_day / 60 % 60, of_day % 60);
}

}  // namespace gfs
