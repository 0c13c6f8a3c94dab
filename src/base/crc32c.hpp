// CRC-32C (Castagnoli), the checksum of records in files: RFC 3720, appendix B.4. It finds every error of up to
// three bits and every burst of up to 32; it is no protection against somebody who means it.
#pragma once

#include <cstdint>

#include <tenon/bytes.hpp>

namespace tenon::base {

/// The checksum of `bytes`; or, given that of what comes before them, of both together. With the processor's
/// instruction (SSE4.2) where there is one.
std::uint32_t crc32c(ByteView bytes, std::uint32_t before = 0) noexcept;

/// The same without that instruction.
std::uint32_t crc32c_portable(ByteView bytes, std::uint32_t before = 0) noexcept;

}  // namespace tenon::base
