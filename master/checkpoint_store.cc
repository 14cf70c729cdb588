#include "master/checkpoint_store.h"

#include <algorithm>

#include "base/log.h"

namespace gfs::master {

namespace {

const std::string kDirectory = "checkpoint";
const std::string kTemporary = "checkpoint/unfinished.tmp";
constexpr std::size_t kWriteAtOnce = 64 << 10;
constexpr std::uint64_t kSyncEvery = 256 << 10;  // so that the log's syncs never wait for more than that
constexpr std::size_t kReadAtOnce = 256 << 10;
constexpr int kRest = 3;  // times as long as the work before it: three quarters of loop and disk are others'

std::string path_of(std::uint64_t index) { return kDirectory + "/" + checkpoint_name(index); }

}  // namespace

Task<std::vector<std::uint64_t>> CheckpointStore::open() {
  std::vector<std::uint64_t> indices;
  const bool exists = co_await disk_.exists(kDirectory);
  if (!exists) co_return indices;
  std::vector<Disk::Entry> entries = co_await disk_.list(kDirectory);
  for (const Disk::Entry& entry : entries) {
    const std::uint64_t index = parse_checkpoint_name(entry.name);
    if (index > 0 && !entry.is_directory) {
      indices.push_back(index);
    } else if (entry.name.ends_with(".tmp") && !entry.is_directory) {
      Result<> gone = co_await disk_.remove(kDirectory + "/" + entry.name).outcome();
      if (!gone && gone.error().code != Code::not_found) co_await std::move(gone);
    } else {
      co_await fail(Code::corrupt, "{}/{} is no checkpoint: it does not belong there", kDirectory, entry.name);
    }
  }
  std::ranges::reverse(indices);  // the names sort by index
  co_return indices;
}

Task<> CheckpointStore::feed_file(std::shared_ptr<File> file, CheckpointDecoder& decoder, bool rests) {
  for (std::uint64_t at = 0;;) {
    const Instant began = executor_.now();
    Bytes bytes = co_await file->read(at, kReadAtOnce);
    if (bytes.empty()) break;
    co_await decoder.feed(bytes.view());
    at += bytes.size();
    // What is in memory is read without waiting: nobody else would have a turn.
    const Duration worked = executor_.now() - began;
    if (rests) co_await executor_.sleep(worked * kRest);
    if (given_up_) co_await fail(Code::cancelled, "the master stops");
  }
  co_await decoder.finish();
}

Task<MasterState> CheckpointStore::load(std::uint64_t index, ClusterId cluster, std::uint64_t epoch, std::string mutant,
                                        std::uint64_t chunk_size) {
  const std::string path = path_of(index);
  StateLoader loader(mutant, chunk_size);
  CheckpointDecoder decoder([&loader](PieceKind kind, std::string_view piece) { return loader.add(kind, piece); });
  std::shared_ptr<File> file = co_await disk_.open(path, Disk::Mode::read);
  Result<> fed = co_await feed_file(file, decoder, false).outcome();
  const CheckpointHeader& header = decoder.header();
  if (decoder.has_header() && header.cluster != cluster) {
    co_await fail(Code::wrong_cluster, "{} belongs to cluster {}, this directory to {}", path, header.cluster, cluster);
  }
  if (fed && (header.epoch > epoch || header.index != index)) {
    fed = fail(Code::corrupt, "it is of epoch {} and index {}, epoch {} and index {} are looked for", header.epoch,
               header.index, epoch, index);
  }
  Result<MasterState> state = fed ? loader.finish() : Result<MasterState>(fail(std::move(fed)));
  if (state && (state->index() != index || state->epoch() != header.epoch))
    state = fail(Code::corrupt, "its state is of epoch {} and index {}", state->epoch(), state->index());
  if (state) co_return std::move(*state);
  const Code code = state.error().code == Code::malformed ? Code::corrupt : state.error().code;
  co_return fail(code, "checkpoint {}: {}", path, state.error().message);
}

Task<std::uint64_t> CheckpointStore::write(CheckpointHeader header, FrozenState state) {
  const std::string path = path_of(header.index);
  std::uint64_t size = 0;
  co_await disk_.make_directories(kDirectory);
  co_await disk_.sync_directory("");
  header.salt = random_.next();
  Result<> written = co_await write_temporary(header, std::move(state), &size).outcome();
  if (written) written = co_await verify(kTemporary, header.index).outcome();
  if (written) written = co_await disk_.rename(kTemporary, path).outcome();
  if (!written) {
    (void)co_await disk_.remove(kTemporary).outcome();
    co_await std::move(written);
  }
  co_await disk_.sync_directory(kDirectory);
  co_return size;
}

Task<> CheckpointStore::write_temporary(CheckpointHeader header, FrozenState state, std::uint64_t* size) {
  std::shared_ptr<File> file = co_await disk_.open(kTemporary, Disk::Mode::write);
  co_await file->truncate(0);
  FrozenState frozen = std::move(state);
  CheckpointEncoder encoder;
  std::uint64_t at = 0, synced = 0;
  std::string text;
  encoder.begin(text, header);
  PieceKind kind{};
  std::string piece;
  for (bool more = true; more;) {
    const Instant began = executor_.now();
    while (more && text.size() < kWriteAtOnce) {
      more = frozen.next(kind, piece);
      if (more) encoder.add(text, kind, piece);
    }
    if (!more) encoder.end(text);
    const std::size_t bytes = text.size();
    co_await file->write(at, Bytes::of(std::exchange(text, {})));
    at += bytes;
    if (at - synced >= kSyncEvery || !more) {
      co_await file->sync();
      synced = at;
    }
    const Duration worked = executor_.now() - began;
    if (more) co_await executor_.sleep(worked * kRest);
    if (given_up_) co_await fail(Code::cancelled, "the master stops");
  }
  *size = at;
}

Task<> CheckpointStore::verify(std::string path, std::uint64_t index) {
  std::shared_ptr<File> file = co_await disk_.open(path, Disk::Mode::read);
  CheckpointDecoder decoder([](PieceKind, std::string_view) { return Result<>(); });
  co_await feed_file(file, decoder, true);
  if (decoder.header().index != index) co_await fail(Code::corrupt, "{} is of index {}", path, decoder.header().index);
}

Task<std::shared_ptr<File>> CheckpointStore::file(std::uint64_t index) {
  std::shared_ptr<File> file = co_await disk_.open(path_of(index), Disk::Mode::read);
  co_return file;
}

Task<> CheckpointStore::remove(std::uint64_t index) {
  Result<> removed = co_await disk_.remove(path_of(index)).outcome();
  if (!removed && removed.error().code != Code::not_found) co_await std::move(removed);
  co_await disk_.sync_directory(kDirectory);
}

}  // namespace gfs::master
