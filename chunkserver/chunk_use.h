// ChunkStore::Use: held by a coroutine while it works on a chunk, so that the chunk's checksums and activity stay.
#pragma once

#include "chunkserver/chunk_store.h"

namespace gfs::chunkserver {

class ChunkStore::Use {
 public:
  explicit Use(Chunk* chunk) : chunk_(chunk) {
    if (!chunk_->activity) {
      chunk_->activity = std::make_unique<Activity>();
      chunk_->activity->plan_serial = chunk_->serial;
      chunk_->activity->plan_lsn = chunk_->committed_lsn;
    }
    ++chunk_->activity->users;
  }
  Use(const Use&) = delete;
  Use& operator=(const Use&) = delete;
  ~Use() { --chunk_->activity->users; }

 private:
  Chunk* chunk_;
};

}  // namespace gfs::chunkserver
