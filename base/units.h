// Sizes and durations as people write them: "64MiB", "1.5GiB", "4096", "60s", "250ms", "10min", "14d". Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/time.h"

namespace gfs {

inline constexpr std::uint64_t KiB = 1024;
inline constexpr std::uint64_t MiB = 1024 * KiB;
inline constexpr std::uint64_t GiB = 1024 * MiB;

// B, KB MB GB TB (powers of 1000), KiB MiB GiB TiB, K M G T (of 1024); no unit: bytes. invalid_argument names the text.
Result<std::uint64_t> parse_size(std::string_view text);
// ns us ms s min h d; a bare number is refused.
Result<Duration> parse_duration(std::string_view text);

std::string format_size(std::uint64_t bytes);       // "1.2 GiB", "17 B"
std::string format_duration(Duration duration);     // "250ms", "3s", "4m20s", "2d03h"
std::string format_wall(WallMs wall);               // "2026-11-24T02:00:00Z"

}  // namespace gfs
