// FileAppender::Flight: what is kept of a batch from one try to the next.
//
// Made by FileAppender when it takes the batch out of its queue; lives until the batch has an outcome. For the .cc
// files of FileAppender only.
#pragma once

#include "client_cli/client/appender.h"

namespace gfs::client {

struct FileAppender::Flight {
  AppendBatch batch;
  RequestId id;
  std::uint64_t number = 0;  // of the batch
  std::uint64_t from = 0;    // its first record was so manieth to be given to the appender
  Instant started;
  Attempts attempts;
  Backoff backoff;
  InARow in_a_row;
  std::shared_ptr<const Target> at;      // of the latest try
  bool bound = false;                    // sent to at's chunk, which has not said that it does not have it
  std::optional<std::int64_t> asked_ms;  // by the master's clock, of the first try
  std::optional<std::uint32_t> sealed;   // the chunk that was full: the next one has a higher index
  ChunkVersion failed;                   // the master shall look again after this one
  ServerId unreachable;                  // and at this server
  std::uint64_t previous = 0;            // of the latest try
  unsigned first_hop = 0;
  bool along = false;                  // the bytes go with the request: pushing did not help
  std::vector<Promise<void>> waiting;  // for its outcome

  ChunkAt chunk(const FileInfo& info) const { return {info.inode, at->layout.index, info.path}; }
};

}  // namespace gfs::client
