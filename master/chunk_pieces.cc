// ChunkTable's pieces: what a checkpoint holds of it.
//
//   piece    := 1 server id...       at most kServersMax: the next slots, from 1 on
//             | 2 page...
//             | 3 place...           where files have chunks that were not made for them
//   page     := border u64  size u32  records, as PackedMap packs them by handle; chunk_record.h has their bodies
//   place    := inode u64  index u32  handle u64
//
// Servers come before the chunks that name them, chunks in the order of their handles, places by file behind them. The
// rest of the index by file is not written: it follows from the chunks.
#include <algorithm>
#include <map>

#include "master/chunk_record.h"
#include "master/chunk_table.h"
#include "master/little_endian.h"

namespace gfs::master {

namespace {

enum Kind : std::uint8_t { kServers = 1, kChunks = 2, kBorrowed = 3 };

constexpr std::size_t kServersMax = 1000;
constexpr std::size_t kPieceFull = 15 << 10;  // bytes; a page more may follow

}  // namespace

ChunkTable::Frozen ChunkTable::freeze() const { return {servers_.freeze(), chunks_.freeze(), borrowed_.freeze()}; }

bool ChunkTable::Frozen::next(std::string& piece) {
  const std::size_t begin = piece.size();
  if (servers_ && next_server_ < servers_->size()) {
    piece += static_cast<char>(kServers);
    const std::size_t end = std::min(next_server_ + kServersMax, servers_->size());
    for (; next_server_ < end; ++next_server_) {
      const ServerId& server = (*servers_)[next_server_];
      piece.append(server.bytes.begin(), server.bytes.end());
    }
    return true;
  }
  servers_.reset();
  if (next_page_ == pages_.size()) {
    if (next_borrowed_ == borrowed_.size()) return false;
    piece += static_cast<char>(kBorrowed);
    while (next_borrowed_ < borrowed_.size() && piece.size() - begin < kPieceFull) {
      const std::shared_ptr<const Files::Page> page = std::move(borrowed_[next_borrowed_++]);
      for (Files::Records records(*page); records.next();) {
        master::put(piece, records.key().inode.value);
        master::put(piece, records.key().index);
        master::put(piece, ByteReader(records.body()).varint());
      }
    }
    return true;
  }
  piece += static_cast<char>(kChunks);
  while (next_page_ < pages_.size() && piece.size() - begin < kPieceFull) {
    const std::shared_ptr<const Chunks::Page> page = std::move(pages_[next_page_++]);
    master::put(piece, page->border.value);
    master::put(piece, static_cast<std::uint32_t>(page->bytes.size()));
    piece += page->view();
  }
  return true;
}

Result<> ChunkTable::load(std::string_view piece) {
  ByteReader reader(piece);
  const auto kind = reader.fixed<std::uint8_t>();
  if (reader.done()) return fail(Code::malformed, "a piece of the chunk table of {} bytes", piece.size());
  switch (kind) {
    case kServers:
      return load_servers(reader);
    case kChunks:
      return load_chunks(reader);
    case kBorrowed:
      return load_borrowed(reader);
    default:
      return fail(Code::malformed, "a piece of the chunk table of kind {}", kind);
  }
}

Result<> ChunkTable::load_servers(ByteReader& piece) {
  while (!piece.done()) {
    ServerId server;
    const std::string_view bytes = piece.bytes(server.bytes.size());
    if (piece.failed()) return fail(Code::malformed, "the chunk table's servers are cut off");
    std::copy(bytes.begin(), bytes.end(), server.bytes.begin());
    if (servers_.has(server)) return fail(Code::malformed, "server {} is in the chunk table twice", server);
    (void)servers_.slot(server);
  }
  return {};
}

Result<> ChunkTable::load_chunks(ByteReader& piece) {
  ChunkHandle before = chunks_.last().value_or(ChunkHandle{});
  while (!piece.done()) {
    const ChunkHandle border{piece.fixed<std::uint64_t>()};
    const auto size = piece.fixed<std::uint32_t>();
    Chunks::Records records(border, piece.bytes(size));
    if (piece.failed()) return fail(Code::malformed, "a page of chunks behind {} is cut off", before);
    Result<> loaded = load_page(records, before);
    if (!loaded) return loaded;
  }
  return {};
}

// `before`: the last one loaded.
Result<> ChunkTable::load_page(Chunks::Records& records, ChunkHandle& before) {
  Chunk chunk;
  while (records.next()) {
    const ChunkHandle handle = records.key();
    if (handle <= before) return fail(Code::malformed, "chunk {} comes behind chunk {}", handle, before);
    const Result<> decoded = decode_chunk(records.body(), servers_.ids(), chunk);
    if (!decoded) return fail(Code::malformed, "chunk {}: {}", handle, decoded.error().message);
    const ChunkHandle other = chunk.inode.value == 0 ? ChunkHandle{} : at(chunk.inode, chunk.index);
    if (other.value != 0) {
      return fail(Code::malformed, "chunks {} and {} are both number {} of file {}", other, handle, chunk.index,
                  chunk.inode);
    }
    add(handle, chunk);
    before = handle;
  }
  if (records.failed()) return fail(Code::malformed, "what is behind chunk {} is no chunk", before);
  return {};
}

Result<> ChunkTable::load_borrowed(ByteReader& piece) {
  while (!piece.done()) {
    const InodeId inode{piece.fixed<std::uint64_t>()};
    const auto index = piece.fixed<std::uint32_t>();
    const ChunkHandle handle{piece.fixed<std::uint64_t>()};
    if (piece.failed()) return fail(Code::malformed, "the places of shared chunks are cut off");
    const std::optional<Chunk> chunk = find(handle);
    if (!chunk || chunk->index != index || chunk->inode == inode || inode.value == 0)
      return fail(Code::malformed, "file {} cannot have chunk {} as its number {}", inode, handle, index);
    if (!files_.put({inode, index}, place_record(handle)))
      return fail(Code::malformed, "file {} has two chunks of number {}", inode, index);
    (void)borrowed_.put({inode, index}, place_record(handle));
  }
  return {};
}

Result<> ChunkTable::check_loaded(const std::function<bool(InodeId)>& is_file) const {
  Result<> right;
  std::map<ChunkHandle, std::uint32_t> borrowers;
  walk_borrowed([&](InodeId inode, std::uint32_t, ChunkHandle handle) {
    ++borrowers[handle];
    if (!is_file(inode)) right = fail(Code::malformed, "chunk {} is of inode {}, no file", handle, inode);
    return right.has_value();
  });
  if (!right) return right;
  walk({}, [&](ChunkHandle handle, const Chunk& chunk) {
    const bool owned = chunk.inode.value != 0;
    if (owned && !is_file(chunk.inode)) {
      right = fail(Code::malformed, "chunk {} is of inode {}, no file", handle, chunk.inode);
      return false;
    }
    auto found = borrowers.empty() ? borrowers.end() : borrowers.find(handle);
    const std::uint32_t files = (found == borrowers.end() ? 0 : found->second) + (owned ? 1 : 0);
    if (files != chunk.references)
      right = fail(Code::malformed, "chunk {} says that {} files have it, {} have", handle, chunk.references, files);
    return right.has_value();
  });
  return right;
}

}  // namespace gfs::master
