#include "tests/sim/cut_work.h"

#include <fmt/format.h>

#include <algorithm>

namespace gfs::sim {

namespace {

constexpr std::uint64_t kAround = 64 << 10;  // of the first border
constexpr std::uint64_t kFarChunks = 4;
constexpr std::size_t kFilesMax = 5;

}  // namespace

void CutWork::Model::write(std::uint64_t offset, const std::string& bytes) {
  const std::uint64_t end = offset + bytes.size();
  // Runs that it overlaps or touches become one with it.
  std::uint64_t from = offset;
  std::uint64_t to = end;
  for (const auto& [begin, run] : runs) {
    if (begin > end || begin + run.size() < offset) continue;
    from = std::min(from, begin);
    to = std::max(to, begin + run.size());
  }
  std::string whole = read(from, to - from);
  whole.resize(to - from);
  whole.replace(offset - from, bytes.size(), bytes);
  std::erase_if(runs, [&](const auto& one) { return one.first >= from && one.first < to; });
  runs[from] = std::move(whole);
  size = std::max(size, end);
}

void CutWork::Model::cut(std::uint64_t to) {
  for (auto& [begin, run] : runs) run.resize(std::min(run.size(), std::max(to, begin) - begin));
  std::erase_if(runs, [](const auto& one) { return one.second.empty(); });
  size = to;
}

std::string CutWork::Model::read(std::uint64_t offset, std::uint64_t length) const {
  const std::uint64_t end = std::max(offset, std::min(offset + length, size));
  std::string out(end - offset, '\0');
  for (const auto& [begin, run] : runs) {
    const std::uint64_t from = std::max(begin, offset);
    const std::uint64_t to = std::min(begin + run.size(), end);
    if (from < to) out.replace(from - offset, to - from, run, from - begin, to - from);
  }
  return out;
}

Task<> CutWork::one_file() {
  const std::string path = fmt::format("/cut/f{}", ++shared_.last_cut_file);
  const Instant began = world_.now();
  co_await filesystem_.make_directory("/cut", true);
  (void)co_await filesystem_.create(path);
  // The file, and its copies.
  std::vector<std::pair<std::string, Model>> files{{path, {}}};
  for (std::uint64_t left = choices_.between(3, 12); left > 0 && !shared_.stopping; --left) {
    auto& [name, model] = files[choices_.below(files.size())];
    const std::uint64_t kind = choices_.below(12);
    if (kind < 4) co_await write(name, &model);
    if (kind >= 4 && kind < 7) co_await cut(name, &model);
    if (shared_.history.last_loss >= began) co_return;
    if (kind >= 7 && kind < 10) co_await look(name, &model);
    if (kind >= 10 && shared_.plan.snapshots > 0 && files.size() < kFilesMax) {
      std::string copy = fmt::format("{}c{}", path, files.size());
      (void)co_await filesystem_.create_snapshot(name, copy);
      Model same = model;
      files.emplace_back(std::move(copy), std::move(same));
    }
  }
  for (const auto& [name, model] : files) {
    if (shared_.history.last_loss >= began) co_return;
    co_await look(name, &model);
  }
  for (const auto& [name, model] : files) {
    if (choices_.chance(0.7)) (void)co_await filesystem_.remove(name, false);
  }
}

std::uint64_t CutWork::any_offset() {
  const std::uint64_t chunk = shared_.plan.chunk_size;
  if (choices_.chance(0.3)) return choices_.below(kFarChunks + 1) * chunk;
  return chunk - kAround + choices_.below(2 * kAround);
}

Task<> CutWork::write(std::string path, Model* model) {
  const std::uint64_t offset = any_offset();
  std::string bytes(choices_.between(1, choices_.chance(0.5) ? 100 : 16 << 10), '\0');
  for (char& one : bytes) one = static_cast<char>(choices_.between(1, 255));
  std::shared_ptr<client::File> file = co_await filesystem_.open(path, client::Filesystem::Open::write);
  co_await file->write(offset, Bytes::of(bytes));
  co_await file->close();
  model->write(offset, bytes);
}

Task<> CutWork::cut(std::string path, Model* model) {
  // Shorter more often than longer, and often right at a border.
  std::uint64_t to = choices_.chance(0.3) ? any_offset() : choices_.below(model->size + 1);
  if (choices_.chance(0.3)) to = to / shared_.plan.chunk_size * shared_.plan.chunk_size;
  client::FileInfo info = co_await filesystem_.truncate(path, to);
  model->cut(to);
  if (info.size != to) {
    shared_.history.found("durability", fmt::format("{} was cut to {} bytes and has {}", path, to, info.size));
  }
}

Task<> CutWork::look(std::string path, const Model* model) {
  const Instant began = world_.now();
  std::shared_ptr<client::File> file = co_await filesystem_.open(path, client::Filesystem::Open::read);
  std::vector<std::uint64_t> places{shared_.plan.chunk_size - kAround};
  for (std::uint64_t chunk = 0; chunk <= kFarChunks; ++chunk) places.push_back(chunk * shared_.plan.chunk_size);
  const std::uint64_t from = choices_.pick(places);
  Bytes got = co_await file->read(from, 2 * kAround);
  if (shared_.history.last_loss >= began) co_return;
  if (file->size() != model->size) {
    shared_.history.found("durability", fmt::format("{} has {} bytes, not {}", path, file->size(), model->size));
  }
  const std::string wanted = model->read(from, 2 * kAround);
  if (got.view() == wanted) co_return;
  const auto differs = std::mismatch(wanted.begin(), wanted.end(), got.view().begin(), got.view().end());
  shared_.history.found("durability",
                        fmt::format("{} at {}: {} bytes were read, not {}, and differ from byte {} on", path, from,
                                    got.size(), wanted.size(), differs.first - wanted.begin()));
}

}  // namespace gfs::sim
