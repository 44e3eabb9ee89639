// Does any body make the reader of JSON crash, hang, or accept what its struct does not allow?
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "platform/base/text.hpp"
#include "platform/json/read.hpp"

namespace {

struct Body {
    guildhall::json::Text<1, 20> text;
    std::optional<guildhall::json::Handle> handle;
    guildhall::json::Patch<guildhall::json::Line<1, 5>> line;
    std::optional<guildhall::json::AtMost<3, guildhall::UserId>> ids;
    std::optional<guildhall::json::Email> email;
};
BOOST_DESCRIBE_STRUCT(Body, (), (text, handle, line, ids, email))

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto body = guildhall::json::from_json<Body>({reinterpret_cast<const char*>(data), size});
    if (!body) return body.error().errors.empty() ? std::abort(), 0 : 0;
    const std::string& text = body->text.value;
    if (!guildhall::is_utf8(text) || guildhall::code_points(text) < 1 || guildhall::code_points(text) > 20)
        std::abort();
    if (body->ids && body->ids->items.size() > 3) std::abort();
    return 0;
}
