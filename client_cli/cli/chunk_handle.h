// A chunk's handle as people give it: the 16 hex digits that chunk ls shows (leading zeros may be left out). Pure.
#pragma once

#include <charconv>
#include <string_view>

#include "base/id.h"
#include "base/result.h"

namespace gfs::cli {

inline Result<ChunkHandle> parse_handle(std::string_view text) {
  ChunkHandle handle;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), handle.value, 16);
  bool whole = error == std::errc() && end == text.data() + text.size() && text.size() <= 16;
  if (!whole || handle.value == 0) {
    return fail(Code::invalid_argument, "{} is no handle: 16 hex digits, as chunk ls shows them", text.substr(0, 100));
  }
  return handle;
}

}  // namespace gfs::cli
