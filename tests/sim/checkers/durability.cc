#include "tests/sim/checkers/durability.h"

#include <fmt/format.h>

#include <algorithm>

namespace gfs::sim {

namespace {

const std::string kName = "durability";

// A write without an outcome may take effect at any time, but not any more once its client wrote to the same place.
void check_given_up(History& history, const std::vector<const WriteOp*>& near, const std::string& where,
                    const WriteOp& shown, std::uint64_t from, std::uint64_t to, Instant began) {
  for (const WriteOp* other : near) {
    if (other->fate != Fate::ok || other->offset >= to || other->end() <= from || other->ended >= began) continue;
    if (shown.client == 0 || other->client != shown.client || other->invoked <= shown.ended) continue;
    return history.found(
        kName, fmt::format("{} shows operation {}, given up at {:.6f} s by its client, whose operation "
                           "{} at [{}, {}) was acknowledged after that",
                           where, shown.id, to_seconds(shown.ended.time_since_epoch()), other->id, other->offset,
                           other->end()));
  }
}

// One run of cells [from, to) that show the same writer.
void check_run(History& history, const std::vector<const WriteOp*>& near, std::size_t file, std::uint64_t from,
               std::uint64_t to, std::int64_t writer, Instant began) {
  const std::string where = fmt::format("{} [{}, {})", data_path(file), from, to);
  Instant ended = Instant::min();  // when what is shown had been written at the latest
  if (writer < 0) return history.found(kName, where + " holds bytes nobody wrote there");
  if (writer > 0) {
    if (static_cast<std::uint64_t>(writer) > history.writes.size()) {
      return history.found(kName, where + " names an operation that never was");
    }
    const WriteOp& shown = history.writes[static_cast<std::size_t>(writer - 1)];
    if (shown.file != file || from < shown.offset || to > shown.end()) {
      return history.found(kName, fmt::format("{} shows operation {}, which wrote elsewhere", where, writer));
    }
    if (shown.fate == Fate::failed) {
      return history.found(kName, fmt::format("{} shows operation {}, said not to have happened", where, writer));
    }
    if (shown.fate == Fate::unknown) return check_given_up(history, near, where, shown, from, to, began);
    if (shown.fate != Fate::ok) return;
    ended = shown.ended;
  }
  for (const WriteOp* other : near) {
    if (other->fate != Fate::ok || other->offset >= to || other->end() <= from) continue;
    if (other->ended < began && (writer == 0 || other->invoked > ended)) {
      return history.found(
          kName, fmt::format("{} shows operation {}, but operation {} at [{}, {}) was acknowledged later, at {:.6f} s, "
                             "before the read of {:.6f} s",
                             where, writer, other->id, other->offset, other->end(),
                             to_seconds(other->ended.time_since_epoch()), to_seconds(began.time_since_epoch())));
    }
  }
}

}  // namespace

void check_read(History& history, std::size_t file, std::uint64_t offset, std::uint64_t size, const Bytes& got,
                Instant began) {
  ++history.reads;
  std::vector<const WriteOp*> near;
  std::vector<std::uint64_t> borders{offset, offset + size};
  for (std::uint64_t id : history.by_file[file]) {
    const WriteOp& op = history.writes[id - 1];
    if (op.offset >= offset + size || op.end() <= offset) continue;
    near.push_back(&op);
    borders.push_back(std::clamp(op.offset, offset, offset + size));
    borders.push_back(std::clamp(op.end(), offset, offset + size));
  }
  std::sort(borders.begin(), borders.end());
  borders.erase(std::unique(borders.begin(), borders.end()), borders.end());
  auto writer_at = [&](std::uint64_t at) -> std::int64_t {
    if (at - offset + kCell > got.size()) return 0;
    return writer_of(got.data() + (at - offset), at);
  };
  for (std::size_t i = 0; i + 1 < borders.size(); ++i) {
    std::uint64_t run = borders[i];
    std::int64_t writer = writer_at(run);
    for (std::uint64_t at = run + kCell; at <= borders[i + 1]; at += kCell) {
      const std::int64_t next = at < borders[i + 1] ? writer_at(at) : -2;
      if (next == writer) continue;
      check_run(history, near, file, run, at, writer, began);
      if (history.faults_found.size() > 20) return;
      run = at;
      writer = next;
    }
  }
}

}  // namespace gfs::sim
