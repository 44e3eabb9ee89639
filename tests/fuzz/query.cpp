// Does any query string crash the splitter, or give a name or value that is not UTF-8?
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "platform/base/text.hpp"
#include "platform/http/router.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    guildhall::json::Faults faults;
    for (const auto& [name, value] :
         guildhall::http::detail::split_query({reinterpret_cast<const char*>(data), size}, faults))
        if (!guildhall::is_utf8(name) || !guildhall::is_utf8(value)) std::abort();
    return 0;
}
