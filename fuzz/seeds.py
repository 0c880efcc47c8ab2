import re,os,pathlib,glob,subprocess
R=pathlib.Path('/tmp/work/wt/small'); O=pathlib.Path('/tmp/small-scratch/corpus')
def put(t,n,b): (O/t/n).write_bytes(b)
def un(s):
    s=re.sub(r'\\\*(\d+)\((.*?)\)',lambda m:m.group(2)*min(int(m.group(1)),200),s)
    out=b'';i=0
    while i<len(s):
        if s[i]=='\\' and i+1<len(s):
            c=s[i+1]
            if c=='x': out+=bytes([int(s[i+2:i+4],16)]); i+=4; continue
            out+={'r':b'\r','n':b'\n','t':b'\t','0':b'\0','\\':b'\\'}.get(c,c.encode()); i+=2
        else: out+=s[i].encode(); i+=1
    return out
for f,pre in (('requests',b'\0'),('responses',b'\2\0')):
    cur=None;n=0
    for l in (R/f'tests/raw/{f}.txt').read_text().splitlines()+['']:
        if l.lstrip().startswith('> '): cur=(cur or b'')+un(l.lstrip()[2:])
        elif cur is not None:
            if len(cur)<3000: put('heads',f'{f}{n}',pre+cur); n+=1
            cur=None
    print(f,n)
put('heads','proxy1',b'\1PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n')
put('heads','proxy2',b'\1\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\1\2\3\4\5\6\7\x08\0\1\0\2')
put('heads','proxy3',b'\1PROXY UNKNOWN\r\n')
put('heads','cursor',b'\3AQAAAAAAAAAqAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA')
import gzip,zlib
S={'json':('application/json','{"json":{"a":[1,{"b":null}]},"meta":{"values":{"a.1.b":["undefined"]}}}'),
'jsonl':('application/x-ndjson','{"a":1}\n{"a":2}\n'),'form':('application/x-www-form-urlencoded','a=1&b[]=2&c.d=3&b[0][x]=4'),
'multi':('multipart/form-data; boundary=b','--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--b\r\nContent-Disposition: form-data; name=f; filename=g\r\nContent-Type: application/json\r\n\r\n{"x":1}\r\n--b--\r\n'),
'ical':('text/calendar','BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nUID:a\r\nDTSTART;TZID=Europe/Berlin:20260110T100000\r\nDURATION:PT1H\r\nRRULE:FREQ=DAILY\r\nATTENDEE;CN="B":mailto:b@x.org\r\nBEGIN:VALARM\r\nTRIGGER:-PT5M\r\nEND:VALARM\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n'),
'html':('text/html','<form action=/x method=post><input name=a value=1><select name=b><option selected>2</select><textarea name=c>3</textarea></form>'),
'xml':('application/xml','<?xml version="1.0"?><D:propertyupdate xmlns:D="DAV:"><D:set><D:prop><D:displayname>x</D:displayname></D:prop></D:set></D:propertyupdate>'),
'soap':('text/xml','<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><Save xmlns="urn:x"><id>1</id></Save></s:Body></s:Envelope>'),
'latin':('text/plain; charset=iso-8859-1','caf\xe9')}
for k,(t,b) in S.items():
    b=b.encode('latin-1' if k=='latin' else 'utf8'); put('bodies',k,t.encode()+b'\n\n'+b)
    put('bodies',k+'-gz',t.encode()+b'\ngzip\n'+gzip.compress(b,mtime=0)); put('bodies',k+'-de',t.encode()+b'\ndeflate\n'+zlib.compress(b))
put('bodies','br',b'application/json\nbr\n'+bytes([0x0B,3,0x80])+b'{"a":1}'+b'\3')
put('bodies','zstd',b'application/json\nzstd\n'+b'\x28\xb5\x2f\xfd\x20\x07\x39\x00\x00{"a":1}')
E={'put':('PUT','/bookings/1?x=y','application/json','200',b'{"title":"a"}\0{"id":1,"title":"b","guests":[{"email":"x"}]}'),
'post':('POST','/bookings','application/json','201',b'{"items":[{"id":1},{"id":2}]}\0{}'),
'trpc':('POST','/trpc/bookings.create,bookings.create?batch=1','application/json','200',b'{"0":{"json":{"a":1}},"1":{"a":2}}\0[{"result":{"data":1}},{"error":{}}]'),
'gql':('POST','/graphql','application/json','200',b'{"query":"mutation($id: ID!){ a: cancel(id: $id){ id } }","variables":{"id":1}}\0{"data":{"a":{"id":1}}}'),
'rpc':('POST','/rpc','application/json','200',b'[{"jsonrpc":"2.0","method":"cancel","params":{"id":1},"id":1}]\0[{"jsonrpc":"2.0","result":1,"id":1}]'),
'soap':('POST','/soap','text/xml','200',S['soap'][1].encode()+b'\0<x/>'),
'batch':('POST','/batch','multipart/mixed; boundary=b','200',b'--b\r\nContent-Type: application/http\r\nContent-ID: 1\r\n\r\nPATCH /bookings/1 HTTP/1.1\r\nContent-Type: application/json\r\n\r\n{"title":"x"}\r\n--b--\0--b\r\nContent-Type: application/http\r\nContent-ID: response-1\r\n\r\nHTTP/1.1 200 OK\r\n\r\n{}\r\n--b--')}
for k,(m,t,c,s,b) in E.items(): put('events',k,f'{m}\n{t}\n{c}\n{s}\n'.encode()+b)
n=0
for f in sorted(glob.glob(str(R/'rules/*/*.yaml'))+glob.glob(str(R/'examples/**/*.yaml'),recursive=True)):
    b=pathlib.Path(f).read_bytes()
    if len(b)<4000: put('rules',f'file{n}',b); n+=1
src=(R/'fuzz/targets/events.rs') if (R/'fuzz').exists() else pathlib.Path('/tmp/small-scratch/fz/fuzz/targets/events.rs')
put('rules','fuzz',re.search(r'r#"(.*?)"#',src.read_text(),re.S).group(1).encode())
print('rules',n)
put('traffic','har',b'{"log":{"version":"1.2","entries":[{"startedDateTime":"2026-01-01T00:00:00Z","time":1,"request":{"method":"POST","url":"http://x/a?b=c","httpVersion":"HTTP/1.1","headers":[{"name":"content-type","value":"application/json"}],"postData":{"mimeType":"application/json","text":"{}"}},"response":{"status":200,"headers":[],"content":{"size":2,"mimeType":"text/plain","text":"b2s=","encoding":"base64"}}}]}}')
put('traffic','curl',b'* Connected to x\n> POST /a HTTP/1.1\n> Host: x\n> Content-Length: 2\n>\n} [2 bytes data]\n< HTTP/1.1 200 OK\n< Content-Type: text/plain\n<\n{ [2 bytes data]\nok\n')
