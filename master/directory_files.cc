#include "master/directory_files.h"

#include <algorithm>

#include "master/log_format.h"

namespace gfs::master {

namespace {

constexpr std::size_t kPiece = 1 << 20;

Task<std::vector<std::string>> files_in(Disk& disk, std::string folder, std::uint64_t (*parse)(std::string_view)) {
  std::vector<std::string> paths;
  const bool exists = co_await disk.exists(folder);
  if (!exists) co_return paths;
  std::vector<Disk::Entry> entries = co_await disk.list(folder);
  for (const Disk::Entry& entry : entries) {
    if (!entry.is_directory && parse(entry.name) != 0) paths.push_back(folder + "/" + entry.name);
  }
  co_return paths;
}

}  // namespace

Task<Bytes> whole_file(Disk& disk, std::string path) {
  std::shared_ptr<File> file = co_await disk.open(path, Disk::Mode::read);
  std::string whole;
  while (true) {
    Bytes piece = co_await file->read(whole.size(), kPiece);
    if (piece.empty()) co_return Bytes::of(std::move(whole));
    whole += piece.view();
  }
}

Task<std::vector<std::string>> segment_files(Disk& disk) { return files_in(disk, "log", &parse_segment_name); }

Task<std::vector<std::string>> checkpoint_files(Disk& disk) {
  std::vector<std::string> paths = co_await files_in(disk, "checkpoint", &parse_checkpoint_name);
  std::ranges::reverse(paths);
  co_return paths;
}

Task<MasterState> load_checkpoint(Disk& disk, std::string path, ClusterId cluster, std::uint64_t chunk_size) {
  StateLoader loader({}, chunk_size);
  CheckpointDecoder decoder([&loader](PieceKind kind, std::string_view piece) { return loader.add(kind, piece); });
  Bytes bytes = co_await whole_file(disk, path);
  Result<> read = decoder.feed(bytes.view());
  if (read) read = decoder.finish();
  if (decoder.has_header() && decoder.header().cluster != cluster) {
    co_await fail(Code::wrong_cluster, "{} belongs to cluster {}, this directory to {}", path, decoder.header().cluster,
                  cluster);
  }
  Result<MasterState> state = read ? loader.finish() : Result<MasterState>(fail(std::move(read)));
  if (state && (state->index() != decoder.header().index || state->epoch() != decoder.header().epoch ||
                !path.ends_with(checkpoint_name(state->index()))))
    state = fail(Code::corrupt, "its state is of epoch {} and index {}", state->epoch(), state->index());
  if (state) co_return std::move(*state);
  const Code code = state.error().code == Code::malformed ? Code::corrupt : state.error().code;
  co_return fail(code, "{}: {}", path, state.error().message);
}

}  // namespace gfs::master
