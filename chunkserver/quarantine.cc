#include "chunkserver/quarantine.h"

#include <charconv>
#include <iterator>

namespace gfs::chunkserver {

namespace {

constexpr std::size_t kDigits = 16;
constexpr std::size_t kStem = 4 * (kDigits + 1) + 1;

std::optional<std::uint64_t> number_at(std::string_view name, std::size_t field) {
  std::string_view digits = name.substr(field * (kDigits + 1), kDigits);
  std::uint64_t value = 0;
  auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value, 16);
  if (error != std::errc{} || end != digits.data() + kDigits || hex(value) != digits) return std::nullopt;
  return value;
}

}  // namespace

std::string Quarantined::path() const {
  return kQuarantineFolder + "/" + hex(handle) + "." + hex(version) + "." + hex(lsn) + "." +
         hex(static_cast<std::uint64_t>(since)) + (why == Garbage::orphan ? ".o" : ".s");
}

std::optional<Quarantined> quarantined_of(std::string_view name, std::string_view suffix) {
  if (name.size() != kStem + suffix.size() || !name.ends_with(suffix)) return std::nullopt;
  for (std::size_t field = 1; field <= 4; ++field) {
    if (name[field * (kDigits + 1) - 1] != '.') return std::nullopt;
  }
  const auto handle = number_at(name, 0), version = number_at(name, 1), lsn = number_at(name, 2),
             time = number_at(name, 3);
  const char why = name[kStem - 1];
  if (!handle || !version || !lsn || !time || (why != 'o' && why != 's')) return std::nullopt;
  return Quarantined{.handle = {*handle},
                     .version = {*version},
                     .lsn = *lsn,
                     .since = static_cast<WallMs>(*time),
                     .why = why == 'o' ? Garbage::orphan : Garbage::stale};
}

void Quarantine::add(const Quarantined& entry) {
  if (!entries_.emplace(Key{entry.handle, entry.lsn}, entry).second) return;
  by_age_.emplace(entry.since, entry.handle, entry.lsn);
  bytes_ += entry.bytes;
}

void Quarantine::remove(const Quarantined& entry) {
  auto found = entries_.find({entry.handle, entry.lsn});
  if (found == entries_.end()) return;
  by_age_.erase({found->second.since, entry.handle, entry.lsn});
  bytes_ -= found->second.bytes;
  entries_.erase(found);
}

std::optional<Quarantined> Quarantine::newest(ChunkHandle handle) const {
  auto after = entries_.lower_bound({handle.next(), 0});
  if (after == entries_.begin() || std::prev(after)->first.first != handle) return std::nullopt;
  return std::prev(after)->second;
}

std::vector<Quarantined> Quarantine::page(ChunkHandle after, Lsn after_lsn, std::size_t limit) const {
  std::vector<Quarantined> out;
  for (auto at = entries_.upper_bound({after, after_lsn}); at != entries_.end() && out.size() < limit; ++at) {
    out.push_back(at->second);
  }
  return out;
}

std::vector<Quarantined> Quarantine::older_than(WallMs before, std::size_t limit) const {
  std::vector<Quarantined> out;
  for (const auto& [since, handle, lsn] : by_age_) {
    if (since >= before || out.size() == limit) break;
    out.push_back(entries_.at({handle, lsn}));
  }
  return out;
}

std::uint64_t Quarantine::count_since(WallMs from) const {
  return static_cast<std::uint64_t>(std::distance(by_age_.lower_bound({from, ChunkHandle{}, 0}), by_age_.end()));
}

Lsn Quarantine::void_through(ChunkHandle handle) const {
  const std::optional<Quarantined> last = newest(handle);
  return last ? last->lsn : 0;
}

}  // namespace gfs::chunkserver
