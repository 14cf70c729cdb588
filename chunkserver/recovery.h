// Recovery: what a store does once, when it opens: reads metadata and journal, and settles every intent that may not
// have come to its end.
//
// For each chunk, in the order of the journal, beginning with what its metadata file contains:
// * an intent that a later one of the chunk skipped (`previous`) came to nothing;
// * one that a DurableRecord covers is in the data file;
// * one that carries its bytes is written (again), if the chunk reaches up to it;
// * any other is an append: it counts if all its blocks verify. The first that does not ends the chunk there: what
//   follows was never answered, or lost its footing with a power cut.
// Then the file is cut to the chunk's length, and every block that was touched is verified; a bad one is damage, which
// is reported, never served.
//
// A chunk whose metadata file is lost or does not check out is not held any more: the master finds out that it is
// missing. Its files are left alone.
//
// Lives during ChunkStore::open().
#pragma once

#include <map>
#include <set>
#include <vector>

#include "chunkserver/chunk_store.h"

namespace gfs::chunkserver {

class Recovery {
 public:
  explicit Recovery(ChunkStore& store) : store_(store) {}

  Task<> run();

 private:
  struct Tail {
    Lsn lsn = 0;
    std::optional<AdoptRecord> adopt;  // else the intent
    IntentRecord intent;
  };

  Task<> read_metas();
  Task<> read_folder(std::string folder);
  Task<> read_meta(ChunkHandle handle);
  Task<> list_segments();
  Task<> read_journal();
  void take(SegmentContents contents);
  void lose(ChunkHandle handle, const Error& error);
  Task<> settle(ChunkHandle handle);
  Task<bool> append_is_there(Chunk* chunk, const IntentRecord& intent);
  void apply(Chunk* chunk, const Tail& tail);

  ChunkStore& store_;
  Lsn last_lsn_ = 0;
  std::vector<Lsn> segments_;
  std::map<ChunkHandle, std::vector<Tail>> tails_;
  std::map<ChunkHandle, Lsn> durable_;
  std::set<ChunkHandle> broken_meta_;
};

}  // namespace gfs::chunkserver
