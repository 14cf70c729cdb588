#include "client_cli/cli/chunk_comparison.h"

#include <algorithm>

namespace gfs::cli {

namespace {

using Held = bus::InspectChunk::Reply;

constexpr std::size_t kBlocksNamed = 8;

// "block 3", "blocks 3, 4, 5 and 12 more".
std::string blocks_text(const std::vector<std::uint32_t>& blocks) {
  std::size_t named = std::min(blocks.size(), kBlocksNamed);
  std::string text = fmt::format("{} {}", blocks.size() == 1 ? "block" : "blocks",
                                 fmt::join(blocks.begin(), blocks.begin() + static_cast<std::ptrdiff_t>(named), ", "));
  if (blocks.size() > named) text += fmt::format(" and {} more", blocks.size() - named);
  return text;
}

void compare_with(const Held& first, const MemberHolds& member, std::vector<std::string>& differing) {
  const Held& held = *member.held;
  auto number = [&](std::string_view name, std::uint64_t here, std::uint64_t there) {
    if (here != there) differing.push_back(fmt::format("{}: {} {}, not {}", member.server, name, here, there));
  };
  number("version", held.version.value, first.version.value);
  number("serial", held.serial.value, first.serial.value);
  number("length", held.length, first.length);
  if (held.sealed != first.sealed) {
    differing.push_back(fmt::format("{}: {}", member.server, held.sealed ? "sealed" : "not sealed"));
  }
  if (held.records_digest != first.records_digest) {
    differing.push_back(fmt::format("{}: remembers other appends", member.server));
  }
  std::vector<std::uint32_t> blocks;
  for (std::size_t i = 0; i < std::max(held.checksums.size(), first.checksums.size()); ++i) {
    bool same = i < held.checksums.size() && i < first.checksums.size() && held.checksums[i] == first.checksums[i];
    // A hash tells what a checksum does not; there are none of a chunk that changed while it was looked at.
    if (same && i < held.hashes.size() && i < first.hashes.size()) same = held.hashes[i] == first.hashes[i];
    if (!same) blocks.push_back(static_cast<std::uint32_t>(i));
  }
  if (!blocks.empty()) {
    differing.push_back(fmt::format("{}: other bytes in {}", member.server, blocks_text(blocks)));
  }
}

}  // namespace

ChunkComparison compare(const std::vector<MemberHolds>& members) {
  ChunkComparison result;
  const Held* first = nullptr;
  for (const MemberHolds& member : members) {
    if (!member.held) {
      result.unanswered.push_back(fmt::format("{}: {}", member.server, member.held.error().text()));
      continue;
    }
    const Held& held = *member.held;
    result.moment.push_back(
        fmt::format("{} {} {} {}", member.server, held.version.value, held.serial.value, held.length));
    if (!held.bad.empty()) {
      result.damaged.push_back(fmt::format("{}: {} does not match its checksum", member.server, blocks_text(held.bad)));
    } else if (held.damaged) {
      result.damaged.push_back(member.server + ": marked as damaged");
    }
    if (held.suspect) result.damaged.push_back(member.server + ": may have lost bytes in a power cut");
    if (first == nullptr) {
      first = &held;
    } else {
      compare_with(*first, member, result.differing);
    }
  }
  return result;
}

}  // namespace gfs::cli
