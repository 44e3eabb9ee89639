// Does any cursor that is accepted say the same when it is written again?
#include "platform/base/cursor.hpp"

#include <cstdint>
#include <cstdlib>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const auto cursor = guildhall::Cursor::decode(text, "feed", 1);
    if (!cursor) return cursor.error().errors.empty() ? std::abort(), 0 : 0;
    const auto again = guildhall::Cursor::decode(cursor->encode(), "feed", 1);
    if (!again || again->numbers != cursor->numbers || again->text != cursor->text) std::abort();
    return 0;
}
