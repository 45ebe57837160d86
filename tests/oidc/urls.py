"""The provider's addresses: its own, and a page where people sign in with it."""

from typing import Any

from django.contrib.auth import authenticate, login
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import include, path

PAGE = """<!doctype html><title>The provider</title><form method="post"><label>User <input name="user"></label>
<label>Password <input name="password" type="password"></label><button>Enter</button></form>"""


def enter(request: HttpRequest) -> Any:
    user = authenticate(request, username=request.POST.get("user"), password=request.POST.get("password"))
    if user is None:
        return HttpResponse(PAGE)
    login(request, user)
    return HttpResponseRedirect(request.GET["next"])


urlpatterns = [path("login", enter), path("o/", include("oauth2_provider.urls", namespace="oauth2_provider"))]
