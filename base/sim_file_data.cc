#include <algorithm>
#include <cstring>

#include "base/sim_platter.h"

namespace gfs {

namespace {

constexpr std::uint64_t kBlock = 4096;  // space is given out in these
constexpr std::uint64_t blocks(std::uint64_t size) { return (size + kBlock - 1) / kBlock * kBlock; }

std::uint8_t at(const std::vector<std::uint8_t>& page, std::uint64_t index) {
  return index < page.size() ? page[index] : 0;
}

}  // namespace

void SimFileData::resize(Page& page, std::uint64_t size) {
  allocated_ -= blocks(page.size());
  page.resize(size);
  allocated_ += blocks(size);
}

std::uint64_t SimFileData::growth(std::uint64_t offset, std::uint64_t size) const {
  std::uint64_t grows = 0;
  while (size > 0) {
    std::uint64_t inside = offset % kPage;
    std::uint64_t piece = std::min(size, kPage - inside);
    auto found = pages_.find(offset / kPage);
    std::uint64_t has = found == pages_.end() ? 0 : blocks(found->second.size());
    std::uint64_t wants = blocks(inside + piece);
    if (wants > has) grows += wants - has;
    offset += piece;
    size -= piece;
  }
  return grows;
}

std::string SimFileData::read(std::uint64_t offset, std::uint64_t size) const {
  if (offset >= size_) return {};
  size = std::min(size, size_ - offset);
  std::string bytes(size, '\0');
  for (std::uint64_t done = 0; done < size;) {
    std::uint64_t inside = (offset + done) % kPage;
    std::uint64_t piece = std::min(size - done, kPage - inside);
    auto found = pages_.find((offset + done) / kPage);
    if (found != pages_.end() && found->second.size() > inside) {
      std::memcpy(bytes.data() + done, found->second.data() + inside, std::min(piece, found->second.size() - inside));
    }
    done += piece;
  }
  return bytes;
}

void SimFileData::save(std::uint64_t number) {
  if (saved_.contains(number)) return;
  auto given_up = abandoned_.find(number);
  if (given_up != abandoned_.end()) {
    saved_.emplace(number, std::move(given_up->second));
    abandoned_.erase(given_up);
    return;
  }
  auto found = pages_.find(number);
  saved_.emplace(number, found == pages_.end() ? Page{} : found->second);
}

void SimFileData::write(std::uint64_t offset, std::string_view bytes) {
  while (!bytes.empty()) {
    std::uint64_t inside = offset % kPage;
    std::uint64_t piece = std::min<std::uint64_t>(bytes.size(), kPage - inside);
    save(offset / kPage);
    Page& page = pages_[offset / kPage];
    if (page.size() < inside + piece) resize(page, inside + piece);
    std::memcpy(page.data() + inside, bytes.data(), piece);
    offset += piece;
    bytes.remove_prefix(piece);
    size_ = std::max(size_, offset);
  }
}

void SimFileData::cut_pages(std::uint64_t size) {
  for (auto page = pages_.lower_bound(size / kPage); page != pages_.end();) {
    std::uint64_t first = page->first * kPage;
    std::uint64_t keep = size > first ? size - first : 0;
    if (page->second.size() > keep) resize(page->second, keep);
    page = keep == 0 ? pages_.erase(page) : std::next(page);
  }
}

void SimFileData::truncate(std::uint64_t size) {
  if (size < size_) {
    for (auto page = pages_.lower_bound(size / kPage); page != pages_.end(); ++page) save(page->first);
    cut_pages(size);
  }
  size_ = size;
}

void SimFileData::sync() {
  saved_.clear();
  saved_size_ = size_;
}

void SimFileData::sync_failed(Random& random) {
  for (auto page = saved_.begin(); page != saved_.end();) {
    if (random.chance(0.5)) {
      ++page;
    } else {
      abandoned_.emplace(page->first, std::move(page->second));
      page = saved_.erase(page);
    }
  }
}

void SimFileData::power_cut(Random& random) {
  // Losing or keeping everything must happen often, not once in two to the number of sectors.
  enum class Fate { all_kept, all_lost, each } fate = Fate::each;
  if (random.chance(0.25))
    fate = Fate::all_kept;
  else if (random.chance(0.33))
    fate = Fate::all_lost;

  std::uint64_t size = fate == Fate::all_kept ? size_ : saved_size_;
  if (fate == Fate::each && size_ != saved_size_) {
    std::uint64_t low = std::min(size_, saved_size_);
    std::uint64_t high = std::max(size_, saved_size_);
    std::uint64_t choices[] = {size_, saved_size_, random.between(low, high)};
    size = choices[random.below(3)];
  }

  auto restore = [&](std::uint64_t number, const Page& old, Fate how) {
    if (how == Fate::all_kept) return;
    Page& page = pages_[number];
    if (how == Fate::all_lost) {
      resize(page, old.size());
      page = old;
      return;
    }
    std::uint64_t length = std::max(page.size(), old.size());
    resize(page, length);
    std::uint64_t first = number * kPage;
    for (std::uint64_t sector = 0; sector < length; sector += kSector) {
      std::uint64_t end = std::min(sector + kSector, length);
      std::uint64_t old_from = end;  // [sector, old_from) stays as it is now
      std::uint64_t old_to = end;
      if (random.chance(0.1)) {
        std::uint64_t tear = random.between(sector, end);
        if (random.chance(0.5)) {
          old_from = tear;
        } else {
          old_from = sector;
          old_to = tear;
        }
      } else if (random.chance(0.5)) {
        old_from = sector;
      }
      for (std::uint64_t i = old_from; i < old_to; ++i) page[i] = at(old, i);
    }
    // What a truncation cut off (and nothing wrote since) is there as it was, if the truncation is lost.
    for (std::uint64_t i = size_ > first ? size_ - first : 0; i < length; ++i) page[i] = at(old, i);
  };
  for (const auto& [number, old] : saved_) restore(number, old, fate);
  for (const auto& [number, old] : abandoned_) restore(number, old, Fate::all_lost);
  saved_.clear();
  abandoned_.clear();
  cut_pages(size);
  size_ = size;
  saved_size_ = size;
}

bool SimFileData::flip_bit(std::uint64_t offset, unsigned bit) {
  auto flip = [&](Pages& pages) {
    auto found = pages.find(offset / kPage);
    if (found == pages.end() || offset % kPage >= found->second.size()) return false;
    found->second[offset % kPage] ^= static_cast<std::uint8_t>(1u << (bit % 8));
    return true;
  };
  flip(saved_);
  flip(abandoned_);
  return flip(pages_);
}

}  // namespace gfs
