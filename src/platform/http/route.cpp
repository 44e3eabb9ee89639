#include "platform/http/route.hpp"

namespace guildhall::http {

Route& Route::signed_in() {
    who = Who::signed_in;
    who_is_said = true;
    return *this;
}
Route& Route::anyone() {
    who = Who::anyone;
    who_is_said = true;
    return *this;
}
Route& Route::internal(const InternalTokens& tokens) {
    internal_tokens = &tokens;
    return anyone().unlimited();
}
Route& Route::idempotent() {
    is_idempotent = true;
    return *this;
}
Route& Route::etag() {
    has_etag = true;
    return *this;
}
Route& Route::if_match() {
    takes_if_match = true;
    return *this;
}
Route& Route::rate(RateClass value) {
    rate_class = value;
    return *this;
}
Route& Route::unlimited() {
    is_unlimited = true;
    return *this;
}
Route& Route::summary(std::string value) {
    text = std::move(value);
    return *this;
}
Route& Route::named(std::string value) {
    name = std::move(value);
    return *this;
}
Route& Route::produces(std::string media_type) {
    answer_type = std::move(media_type);
    return *this;
}
Route& Route::may_fail(Code code, std::string when) {
    failures.emplace_back(code, std::move(when));
    return *this;
}

}  // namespace guildhall::http
