// Bytes as text, for --json: as they are if they are UTF-8, else as base64 (RFC 4648). Pure.
#pragma once

#include <string>
#include <string_view>

namespace gfs::cli {

// Well-formed, as a JSON string may hold it: no surrogates, nothing longer than it must be.
bool is_utf8(std::string_view bytes);

std::string base64(std::string_view bytes);

}  // namespace gfs::cli
