// RecordChecks: the checksums of the log's last records, by index.
//
// Two logs that went different ways have different records at the same index, and so different checksums: with them it
// is told whether somebody saw this log, or a copy of it that went on elsewhere.
//
// Owned by LogStore; pure. Bounded: older ones give way.
#pragma once

#include <cstdint>
#include <vector>

namespace gfs::master {

class RecordChecks {
 public:
  static constexpr std::size_t kKept = 65536;

  // In order, without a gap; after one it begins anew.
  void note(std::uint64_t index, std::uint32_t crc) {
    if (kept_.empty()) kept_.resize(kKept);
    if (index != last_ + 1) first_ = index;
    last_ = index;
    kept_[index % kKept] = crc;
    if (last_ - first_ >= kKept) first_ = last_ - kKept + 1;
  }
  // 0: not known.
  std::uint32_t at(std::uint64_t index) const {
    return index < first_ || index > last_ || index == 0 ? 0 : kept_[index % kKept];
  }

 private:
  std::uint64_t first_ = 1, last_ = 0;
  std::vector<std::uint32_t> kept_;
};

}  // namespace gfs::master
