#include "tests/sim/snapshot_work.h"

#include <fmt/format.h>

#include <algorithm>

#include "tests/sim/checkers/append.h"
#include "tests/sim/checkers/durability.h"

namespace gfs::sim {

namespace {

const std::string kName = "snapshot";
constexpr std::size_t kPicturesMax = 12;
constexpr std::uint64_t kPiece = 32 << 10, kRecords = 512 << 10;

}  // namespace

Task<> SnapshotWork::make_or_look() {
  co_await make();
  for (std::uint64_t left = choices_.between(1, 4); left > 0 && !shared_.stopping && !shared_.pictures.empty(); --left)
    co_await look(choices_.pick(shared_.pictures).number);
  if (shared_.pictures.size() > kPicturesMax || choices_.chance(0.3)) co_await remove();
}

Picture* SnapshotWork::find(std::uint64_t number) {
  auto found = std::ranges::find(shared_.pictures, number, &Picture::number);
  return found == shared_.pictures.end() ? nullptr : &*found;
}

Task<> SnapshotWork::make() {
  Picture picture;
  picture.appended = choices_.chance(0.4);
  picture.file = choices_.below(picture.appended ? shared_.plan.append_files : shared_.plan.data_files);
  // What is acknowledged by one server may be lost with it.
  if (!picture.appended && shared_.history.lone.contains(picture.file)) co_return;
  std::string source = picture.appended ? append_path(picture.file) : data_path(picture.file);
  const bool of_another = !shared_.pictures.empty() && choices_.chance(0.2);
  if (of_another) {
    picture = choices_.pick(shared_.pictures);
    source = picture.path;
    picture.name.clear();
  }
  const std::uint64_t number = picture.number = ++shared_.last_picture;
  if (choices_.chance(0.5)) {
    picture.name = fmt::format("s{}", number);
    picture.path = "/.snapshots/" + picture.name;
  } else {
    co_await filesystem_.make_directory("/snap", true);
    picture.path = fmt::format("/snap/{}", number);
  }
  const Instant asked = world_.now();
  std::string target = picture.name.empty() ? picture.path : picture.name;
  (void)co_await filesystem_.create_snapshot(std::move(source), std::move(target));
  if (!of_another) {
    picture.asked = picture.moment = asked;
    picture.made = world_.now();
  }
  if (shared_.history.last_loss < picture.asked) shared_.pictures.push_back(std::move(picture));
}

Task<> SnapshotWork::look(std::uint64_t number) {
  Picture* picture = find(number);
  if (picture == nullptr) co_return;
  std::uint64_t offset = 0;
  if (picture->appended) {
    offset = shared_.appends.starts[picture->file];
  } else {
    std::vector<std::uint64_t> places{0};
    for (std::uint64_t id : shared_.history.by_file[picture->file])
      places.push_back(shared_.history.writes[id - 1].offset / kPiece * kPiece);
    for (const auto& [place, bytes] : picture->seen) places.insert(places.end(), 3, place);
    offset = choices_.pick(places);
  }
  const std::uint64_t size = picture->appended ? kRecords : kPiece;
  const Instant asked = picture->asked;
  std::shared_ptr<client::File> file = co_await filesystem_.open(picture->path, client::Filesystem::Open::read);
  const Bytes got = co_await file->read(offset, size);
  picture = find(number);
  if (picture == nullptr) co_return;
  // What was not forced to the disks is as safe as everywhere: not against this.
  if (shared_.history.last_loss >= asked) {
    std::erase_if(shared_.pictures, [&](const Picture& one) { return one.path == picture->path; });
    co_return;
  }
  auto [seen, first] = picture->seen.emplace(offset, got.view());
  if (!first && seen->second != got.view()) {
    const auto differs = std::mismatch(seen->second.begin(), seen->second.end(), got.view().begin(), got.view().end());
    shared_.history.found(
        kName, fmt::format("{} at {}: {} bytes were read, {} before, and they differ from byte {} on", picture->path,
                           offset, got.size(), seen->second.size(), differs.first - seen->second.begin()));
    co_return;
  }
  picture->appended ? judge_records(*picture, offset, got) : judge_data(*picture, offset, got);
}

void SnapshotWork::judge_data(Picture& picture, std::uint64_t offset, const Bytes& got) {
  const std::uint64_t known = std::min<std::uint64_t>(kPiece, got.size() / kCell * kCell);
  for (std::uint64_t at = 0; at + kCell <= known; at += kCell) {
    const std::int64_t writer = writer_of(got.data() + at, offset + at);
    if (writer <= 0 || static_cast<std::uint64_t>(writer) > shared_.history.writes.size()) continue;
    const WriteOp& shown = shared_.history.writes[static_cast<std::size_t>(writer - 1)];
    picture.moment = std::max(picture.moment, shown.invoked);
    if (shown.invoked <= picture.made) continue;
    return shared_.history.found(
        kName, fmt::format("{} at {} shows operation {}, begun after it was made", picture.path, offset + at, writer));
  }
  if (known > 0) check_read(shared_.history, picture.file, offset, known, got, picture.moment);
}

void SnapshotWork::judge_records(Picture& picture, std::uint64_t offset, const Bytes& got) {
  const Parsed parsed = parse_records(got.view(), offset, shared_.plan.chunk_size);
  check_seen(shared_.history, shared_.appends, picture.file, parsed);
  std::set<RecordName> there;
  for (const Placed& placed : parsed.records) {
    there.insert(placed.name);
    auto op = shared_.appends.ops.find(placed.name);
    if (op == shared_.appends.ops.end() || op->second.invoked <= picture.made) continue;
    shared_.history.found(kName,
                          fmt::format("{} has {}, appended after it was made", picture.path, placed.name.text()));
  }
  for (const auto& [name, op] : shared_.appends.ops) {
    if (name.file != picture.file || op.fate != Fate::ok || op.ended >= picture.asked || there.contains(name)) continue;
    const bool behind = op.offset + op.size > offset + got.size();
    if (behind && got.size() == kRecords) continue;  // not read
    shared_.history.found(kName, fmt::format("{} has not {}, acknowledged at {} before it was asked for", picture.path,
                                             name.text(), op.offset));
  }
}

Task<> SnapshotWork::remove() {
  if (shared_.pictures.empty()) co_return;
  const std::size_t gone = choices_.below(shared_.pictures.size());
  const Picture picture = std::move(shared_.pictures[gone]);
  shared_.pictures.erase(shared_.pictures.begin() + static_cast<std::ptrdiff_t>(gone));
  if (picture.name.empty()) {
    (void)co_await filesystem_.remove(picture.path, false);
  } else {
    (void)co_await filesystem_.remove_snapshot(picture.name);
  }
}

}  // namespace gfs::sim
