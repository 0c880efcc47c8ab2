# What the programs of this folder need, made in the folder that this is read in (`.`): a certificate and its key, the large
# file, the body of a booking.
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost \
    -keyout key.pem -out certificate.pem 2>openssl.log
cat certificate.pem key.pem >both.pem
mkdir files
head -c 65536 /dev/zero | tr '\0' x >files/64k
printf '{"title":"Planning","start":"2026-03-01T09:00:00Z","notes":"%538s"}' ' ' >post.json
