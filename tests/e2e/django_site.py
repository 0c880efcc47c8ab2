"""A Django project in one file: the admin site, and django-scheduler, a scheduling application that people install.

    python3 tests/e2e/django_site.py PORT DATABASE

Nothing in it knows of Earwitness. The accounts: `ada` may do everything, `bo` may enter and nothing else.
"""

import sys

import django
from django.conf import settings
from django.core.management import call_command

DJANGO = "django.contrib"
settings.configure(
    ALLOWED_HOSTS=["127.0.0.1"],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": sys.argv[2]}},
    DEFAULT_AUTO_FIELD="django.db.models.AutoField",
    INSTALLED_APPS=[
        f"{DJANGO}.admin", f"{DJANGO}.auth", f"{DJANGO}.contenttypes", f"{DJANGO}.sessions", f"{DJANGO}.messages",
        f"{DJANGO}.staticfiles", "schedule",
    ],
    LOGIN_URL="/admin/login/",
    MIDDLEWARE=[
        "django.middleware.security.SecurityMiddleware", f"{DJANGO}.sessions.middleware.SessionMiddleware",
        "django.middleware.common.CommonMiddleware", "django.middleware.csrf.CsrfViewMiddleware",
        f"{DJANGO}.auth.middleware.AuthenticationMiddleware", f"{DJANGO}.messages.middleware.MessageMiddleware",
    ],
    ROOT_URLCONF=__name__,
    SECRET_KEY="only for this test",
    STATIC_URL="/static/",
    TEMPLATES=[{
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {"context_processors": [
            "django.template.context_processors.request", f"{DJANGO}.auth.context_processors.auth",
            f"{DJANGO}.messages.context_processors.messages",
        ]},
    }],
    TIME_ZONE="UTC",
    USE_TZ=True,
)
django.setup()

from django.contrib import admin  # noqa: E402  (models exist only after the set-up)
from django.contrib.auth.models import User  # noqa: E402
from django.urls import include, path  # noqa: E402

urlpatterns = [path("admin/", admin.site.urls), path("schedule/", include("schedule.urls"))]

if __name__ == "__main__":
    call_command("migrate", verbosity=0)
    User.objects.create_superuser("ada", "ada@example.org", "ada-knows")
    User.objects.create_user("bo", "bo@example.org", "bo-knows", is_staff=True)
    call_command("runserver", f"127.0.0.1:{sys.argv[1]}", use_reloader=False)
