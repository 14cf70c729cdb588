#include "master/snapshots.h"

#include "master/little_endian.h"

namespace gfs::master {

const Snapshots::Origin* Snapshots::find(InodeId head) const {
  auto found = origins_.find(head);
  return found == origins_.end() ? nullptr : &found->second;
}

std::string Snapshots::freeze() const {
  std::string piece;
  if (directory_.value == 0) return piece;
  put(piece, directory_.value);
  for (const auto& [head, origin] : origins_) {
    put(piece, head.value);
    put(piece, static_cast<std::uint64_t>(origin.time));
    put_text(piece, origin.path);
  }
  return piece;
}

Result<> Snapshots::load(std::string_view piece) {
  if (directory_.value != 0) return fail(Code::malformed, "the snapshots come twice");
  Taker taker(piece);
  directory_ = InodeId{taker.number<std::uint64_t>()};
  while (!taker.failed() && !taker.at_end()) {
    const InodeId head{taker.number<std::uint64_t>()};
    Origin origin;
    origin.time = static_cast<WallMs>(taker.number<std::uint64_t>());
    origin.path = taker.text();
    if (taker.failed()) break;
    if (full() || !origins_.emplace(head, std::move(origin)).second)
      return fail(Code::malformed, "snapshot {} comes twice, or there are too many", head);
  }
  if (taker.failed() || directory_.value == 0) return fail(Code::malformed, "the snapshots end in the middle of one");
  return {};
}

std::string Snapshots::dump() const {
  std::string text;
  if (directory_.value != 0) text += fmt::format("snapshots in {}\n", directory_);
  for (const auto& [head, origin] : origins_)
    text += fmt::format("snapshot {} of {} at {}\n", head, origin.path, origin.time);
  return text;
}

}  // namespace gfs::master
