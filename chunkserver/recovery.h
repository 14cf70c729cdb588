// Recovery: what a store does once, when it opens: reads metadata and journal, and settles every intent that may not
// have come to its end.
//
// For each chunk, in the order of the journal, beginning with what its metadata file contains:
// * an intent that a later one of the chunk skipped (`previous`) came to nothing;
// * one that a DurableRecord covers is in the data file;
// * one that carries its bytes is written (again), if the chunk reaches up to it;
// * any other is an append: it counts if all its blocks verify. The first that does not ends the chunk there: what
//   follows was never answered, or lost its footing with a power cut;
// * a cut, or a copy that took effect, was on the disk before anything came after it: only the last one is done again;
// * a chunk that began as another one's copy (a fork) gets its file's name, if that is still the .fork file's.
// Then the file is cut to the chunk's length, and every block that was touched is verified; a bad one is damage, which
// is reported, never served.
//
// What the journal has about a chunk in quarantine is void, up to where it was put there; a move into quarantine, or
// back, that was cut off halfway is undone.
//
// A chunk with a record in a segment of another boot is suspect from then on: a power cut may have taken later ones.
// Not for a promise or a fork alone: no byte changes after one before an adoption or a mutation, which is on record,
// too.
//
// Files of copies and forks that did not take effect are removed.
//
// A chunk whose metadata file is lost or does not check out is not held any more: the master finds out that it is
// missing. Its files are left alone.
//
// Lives during ChunkStore::open().
#pragma once

#include <map>
#include <set>
#include <variant>
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
    std::variant<IntentRecord, AdoptRecord, PromiseRecord, InstallRecord> record;
  };

  Task<> read_metas();
  Task<> read_folder(std::string folder);
  Task<> read_meta(ChunkHandle handle);
  // recovery_quarantine.cc
  Task<> read_quarantine();
  Task<> undo_quarantine(Quarantined entry, bool has_data);
  Task<> finish_quarantine();
  Task<> list_segments();
  Task<> read_journal();
  void take(SegmentContents contents);
  template <class Record>
  void take_version(Lsn lsn, const Record& record, bool this_boot);
  void take_fork(Lsn lsn, InstallRecord fork);
  Chunk* take_change(ChunkHandle handle, Lsn lsn, Lsn previous, bool this_boot);
  void lose(ChunkHandle handle, const Error& error);
  Task<> settle(ChunkHandle handle);
  Task<bool> settle_intent(Chunk* chunk, Lsn lsn, IntentRecord intent, bool durable);
  Task<> settle_install(Chunk* chunk, Lsn lsn, InstallRecord install, bool durable);
  Task<> settle_fork(Chunk* chunk, Lsn lsn, InstallRecord fork);
  Task<bool> append_is_there(Chunk* chunk, const IntentRecord& intent);
  void apply(Chunk* chunk, Lsn lsn, const IntentRecord& intent);
  Task<> remove_copies();
  Task<> note_suspects();

  ChunkStore& store_;
  Lsn last_lsn_ = 0;
  std::vector<Lsn> segments_;
  std::map<ChunkHandle, std::vector<Tail>> tails_;
  std::map<ChunkHandle, Lsn> durable_;
  std::vector<Quarantined> without_data_;  // in quarantine
  std::set<ChunkHandle> broken_meta_;
  std::set<ChunkHandle> copies_;                            // with a file of a copy
  std::set<ChunkHandle> forks_;                             // with a file of a fork
  std::set<ChunkHandle> suspects_;                          // by what the journal says
  std::map<ChunkHandle, std::set<std::uint32_t>> touched_;  // blocks
};

}  // namespace gfs::chunkserver
